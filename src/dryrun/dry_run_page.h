// The page that snug_dry_run_html() fills in: the files under page/, as they are.
#ifndef SNUG_DRYRUN_DRY_RUN_PAGE_H
#define SNUG_DRYRUN_DRY_RUN_PAGE_H

extern const char snug_dry_run_page[], snug_dry_run_js[];

#endif
