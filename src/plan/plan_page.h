// The page that snug_plan_html() fills in.
#ifndef SNUG_PLAN_PLAN_PAGE_H
#define SNUG_PLAN_PLAN_PAGE_H

#include "base/page.h"

// The files under plan/page/, as they are. The page holds {{title}}, {{css}}, {{data}} and {{js}}.
extern const char snug_plan_page[], snug_plan_js[];

#endif
