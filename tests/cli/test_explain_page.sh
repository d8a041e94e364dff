#!/bin/sh
# The explanation's page in a browser: that it draws the figures that a second count in Python
# gives, answers the pointer and the keyboard, fits 400 pixels, stays small, and takes no harm from
# what files hold. $1: the snug binary, $2: the sources. Exits 77 without Chromium or Python.
set -u
snug=$1 sources=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# shellcheck source=tests/cli/browser.sh
. "$sources/tests/cli/browser.sh"
command -v python3 >/dev/null || { echo "skipped: no python3 to count with"; exit 77; }
count="python3 $sources/tests/cli/page_snapshots.py"

# value KEY: the number of this name in ./json; the first where there are several.
value() {
    sed "s/.*\"$1\":\([0-9]*\).*/\1/" json
}

cat >steps.js <<'END'
const say = (name, value) => { document.body.dataset[name] = value; };
const tip = document.getElementById('tip');
const all = selector => document.querySelectorAll(selector);
const at = (target, x, y) => target.dispatchEvent(
    new PointerEvent('pointermove', {clientX: x, clientY: y, bubbles: true}));
const key = (id, name) => document.getElementById(id).dispatchEvent(
    new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
say('wide', document.documentElement.scrollWidth > innerWidth ? 'overflows' : 'fits');
say('width', innerWidth);
for (const table of ['growing', 'what-if', 'kinds', 'sites'])
    say('rows' + table.replace('-', ''), all(`#${table} tbody tr`).length);
say('drawnTimeline', all('#timeline path.box').length);
const boxes = [...all('#segments rect.box')];
if (boxes.length) {
    const box = boxes.at(-1), edges = box.getBoundingClientRect();
    at(box, edges.left, edges.top);
    say('pointedBox', tip.textContent.includes('segment 0x') ? 'named' : tip.textContent);
    key('segments', 'Home');
    const largest = Math.max(...boxes.map(r => Number(r.dataset.bytes)));
    say('keyed', Number(document.querySelector('#segments rect.on').dataset.bytes) === largest ? 'largest' : 'other');
}
const timeline = document.querySelector('#timeline svg');
if (timeline) {
    const frame = timeline.getBoundingClientRect();
    at(timeline, frame.left + frame.width / 2, frame.top + 100);
    say('pointed', tip.textContent.includes('reserved') ? 'moment' : tip.textContent);
    key('timeline', 'End');
    say('ended', tip.textContent.startsWith('entry') ? 'yes' : tip.textContent);
}
// What is drawn adds up, whatever was sampled, drawn together or left out.
const finding = JSON.parse(document.getElementById('data').textContent).findings[0];
if (finding.snapshot) {
    const {timeline: over, layout} = finding.snapshot;
    const kinds = ['weights', 'gradients', 'optimizer', 'activations', 'workspace', 'unclassified'];
    const live = over.positions.map((_, i) => kinds.reduce((sum, kind) => sum + over[kind][i], 0));
    say('drawnPeak', Math.max(...live));
    say('drawnReserved', Math.max(...over.reserved));
    say('drawnBytes', layout.segments.flatMap(s => s.blocks).reduce((sum, block) => sum + block[2], 0));
}
say('legend', [...all('#segments')].map(c => c.previousElementSibling.textContent).join());
say('leftOut', (document.getElementById('left-out') || {textContent: ''}).textContent);
say('tested', 'yes');
END

# draw NAME WIDTH: NAME.html with the steps, so wide.
draw() {
    with_steps "$1"
    if [ "$2" -eq 400 ]; then
        narrow "$1-steps"
        browse "$1-steps-narrow" 1200 --dump-dom >dom
    else
        browse "$1-steps" "$2" --dump-dom >dom
    fi
    shown ready yes
    shown tested yes
    shown wide fits
    shown width "$2"
    unharmed
}

# check FILE NAME WIDTH...: the page of a snapshot holds what the JSON and a second count say.
check() {
    "$snug" explain "$1" --what-if --json --html "$2.html" >json || fail "$1: not explained"
    alone "$2"
    page=$2
    $count figures "$1" >counted || fail "$1: not counted"
    read -r peak segments live pending reserved <counted
    shift 2
    for width in "$@"; do
        draw "$page" "$width"
        shown peak "$peak"
        shown segments "$segments"
        shown drawn-peak "$peak"
        shown drawn-reserved "$reserved"
        shown drawn-bytes $((live + pending))
        [ "$(value allocated_bytes)" -eq "$live" ] || fail "$page: live bytes are not $live"
        [ "$(value pending_bytes)" -eq "$pending" ] || fail "$page: awaiting free are not $pending"
        sum=0
        for kind in weights gradients optimizer activations workspace unclassified; do
            bytes=$(sed "s/.*\"kinds\":{[^}]*\"$kind\":\([0-9]*\).*/\1/" json)
            shown $kind "$bytes"
            sum=$((sum + bytes))
        done
        [ $sum -eq "$live" ] || fail "$page: the kinds add up to $sum, not $live"
        shown rowsgrowing "$(sed 's/.*"growing":\[\([^]]*\)\].*/\1/' json | grep -o bytes_per_iteration | grep -c .)"
        shown keyed largest
        shown pointed-box named
    done
}

python3 "$sources/tools/make_snapshots.py" made --seed 3 >/dev/null || fail "no snapshots made"
for cause in history-plain fragmentation-all leak-python late-batch-late; do
    check made/$cause-3.pickle $cause 1200
    shown pointed moment
    shown ended yes
    grep -qE '<body[^>]* data-rowswhatif="([6-9]|1[0-9])"' dom || fail "$cause: no other settings"
done

$count make .
check special.pickle special 1200 400
grep -q 'data-owned' dom && fail "a file's text became a script"
grep -q 'data-legend="[^"]*awaiting free' dom || fail "special: nothing awaits its free"
check no-trace.pickle no-trace 1200
grep -q 'has no trace' dom || fail "no-trace: the page does not say so"
shown drawn-timeline 0

# Bounded, and it says what is missing.
"$snug" explain large.pickle --html large.html >/dev/null || fail "large: not explained"
[ "$(wc -c <large.html)" -lt 2000000 ] || fail "large: $(wc -c <large.html) bytes"
draw large 1200
$count figures large.pickle >counted
read -r peak segments live pending reserved <counted
shown peak "$peak"
shown drawn-peak "$peak"
shown segments 1000
[ "$segments" -eq 1500 ] || fail "large: $segments segments"
grep -q 'data-left-out="500 smaller segments, 1000.00 MiB together' dom ||
    fail "large: $(grep -o 'data-left-out="[^"]*' dom)"

# Texts: several errors, one of a kind that would like to be markup.
cat >error.txt <<'TEXT'
  File "</script><script>document.body.dataset.owned='yes'</script>.py", line 3, in main
    y = x @ w  # <img src=x onerror="document.body.dataset.owned='yes'">
RuntimeError: CUDA out of memory. Tried to allocate 2.80 GiB (GPU 0; 14.76 GiB total capacity; 8.70 GiB already allocated; 19.75 MiB free; 13.71 GiB reserved in total by PyTorch)
RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`
TEXT
"$snug" explain error.txt --html error.html >/dev/null || fail "error.txt"
alone error
for width in 1200 400; do
    draw error $width
    shown findings 2
    grep -q 'data-owned' dom && fail "a text became a script"
    [ $width -eq 1200 ] || continue # the frame's content is not in the outer document
    grep -q '3,006,477,107 bytes' dom || fail "error.txt: the request is not shown"
    grep -q 'y = x @ w  # &lt;img' dom || fail "error.txt: the line of code is not shown"
done

# A log full of errors: the page keeps the last of them.
i=0
while [ $i -lt 120 ]; do
    i=$((i + 1))
    echo "RuntimeError: CUDA out of memory. Tried to allocate $i.00 GiB (GPU 0; 14.76 GiB total capacity; 8.70 GiB already allocated; 19.75 MiB free; 13.71 GiB reserved in total by PyTorch)"
done >many.log
"$snug" explain many.log --html many.html >/dev/null || fail "many.log"
draw many 1200
shown findings 100
grep -q '100 out-of-memory errors; 20 before them are left out' dom || fail "many.log: no word of what is left out"

for scheme in "" "--force-dark-mode"; do
    # shellcheck disable=SC2086 # no option at all when empty
    browse history-plain 1000 $scheme --screenshot="$folder/page.png" >/dev/null
    [ "$(wc -c <page.png)" -gt 30000 ] || fail "the screenshot is empty"
    rm -f page.png
done

[ $failed -eq 0 ] && echo "the page works in $("$browser" --version 2>/dev/null)"
exit $failed
