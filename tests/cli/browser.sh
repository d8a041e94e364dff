# What the tests of pages share; they source it in $folder, where the pages are. Ends the test with
# 77 without Chromium.
# shellcheck shell=sh disable=SC2034,SC2154

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
    echo "skipped: no Chromium here (Debian's package is chromium)"
    exit 77
fi
if ! timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --user-data-dir="$folder/profile" --dump-dom about:blank >dom 2>browser.log; then
    echo "skipped: Chromium does not start here: $(tail -n 1 browser.log)"
    exit 77
fi
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# browse PAGE WIDTH OPTION...: PAGE.html in the browser, WIDTH pixels wide; what its console says is
# a failure.
browse() {
    file=$1 window=$2
    shift 2
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --hide-scrollbars --enable-logging=stderr --user-data-dir="$folder/profile" --window-size="$window,2400" \
        --virtual-time-budget=5000 "$@" "file://$folder/$file.html" 2>browser.log
    grep CONSOLE browser.log >console.log && fail "$file.html: $(cat console.log)"
}

# shown NAME EXPECTED: what the page's body says.
shown() {
    grep -q "<body[^>]* data-$1=\"$2\"" dom || fail "the page's $1 is not $2:" \
        "$(grep -o '<body[^>]*>' dom)"
}

# with_steps PAGE: a copy, PAGE-steps.html, with the steps of ./steps.js, which a person would take,
# behind the page's own script.
with_steps() {
    sed 's|<body>|<body><script>onerror = m => { document.body.dataset.error = m; };</script>|' \
        "$1.html" | sed '/^<\/body>$/d; /^<\/html>$/d' >"$1-steps.html"
    { echo "<script>"; cat steps.js; echo "</script></body></html>"; } >>"$1-steps.html"
}

# narrow PAGE: the page in a frame of 400 pixels, PAGE-narrow.html, since no window is that small.
# What the frame's body says is copied to the outer one's.
narrow() {
    {
        printf '<!doctype html><title>narrow</title><body><iframe width="400" height="2400" srcdoc="'
        sed 's/&/\&amp;/g; s/"/\&quot;/g' "$1.html"
        printf '" style="border: 0"></iframe><script>onload = () => Object.assign('
        printf 'document.body.dataset, frames[0].document.body.dataset);</script></body>\n'
    } >"$1-narrow.html"
}

# unharmed: no error in the page's scripts.
unharmed() {
    grep -q 'data-error' dom && fail "the page's script failed: $(grep -o 'data-error="[^"]*' dom)"
}

# alone PAGE: the page refers to nothing outside itself.
alone() {
    sed 's|http://www.w3.org/2000/svg||g; /<script type="application.json"/,/<\/script>/d' "$1.html" |
        grep -E 'https?:|src=|href=|url\(|@import|fetch\(' && fail "$1.html refers to something else"
    grep -q "default-src 'none'" "$1.html" || fail "$1.html may load something"
}
