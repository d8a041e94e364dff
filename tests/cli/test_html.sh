#!/bin/sh
# The plan's page in a browser: that its script runs, draws the plan's figures, answers the pointer
# and the keyboard, and fits 400 pixels. $1: the snug binary. Exits 77 without Chromium.
set -u
snug=$1 tests=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# shellcheck source=tests/cli/browser.sh
. "$tests/browser.sh"

# value NAME: the chosen plan's number of this name.
value() {
    sed "s/.*\"chosen\"://; s/,\"candidates\".*//; s/.*\"$1\":\([0-9]*\).*/\1/" json
}

# Steps that a person would take, appended to a copy of the page; what they find lands in the body.
cat >steps.js <<'END'
const say = (name, value) => { document.body.dataset[name] = value; };
const tip = document.getElementById('tip');
const at = (target, x, y) => target.dispatchEvent(
    new PointerEvent('pointermove', {clientX: x, clientY: y, bubbles: true}));
const key = (id, name) => document.getElementById(id).dispatchEvent(
    new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
say('boxes', document.querySelectorAll('#packing rect.box').length);
say('wide', document.documentElement.scrollWidth > innerWidth ? 'overflows' : 'fits');
say('width', innerWidth);
const timeline = document.querySelector('#timeline svg'), frame = timeline.getBoundingClientRect();
at(timeline, frame.left + frame.width / 2, frame.top + 100);
say('pointed', tip.hidden ? 'nothing' : tip.textContent.includes('activations') ? 'kinds' : tip.textContent);
const box = [...document.querySelectorAll('#packing rect.box')].at(-1), edges = box.getBoundingClientRect();
at(box, edges.left, edges.top);
say('pointedBox', tip.textContent.includes(Number(box.dataset.bytes).toLocaleString('en')) ? 'named' : tip.textContent);
key('packing', 'Home');
const largest = Math.max(...[...document.querySelectorAll('#packing rect.box')].map(r => Number(r.dataset.bytes)));
say('keyed', Number(document.querySelector('#packing rect.on').dataset.bytes) === largest ? 'largest' : 'other');
key('timeline', 'End');
key('timeline', 'Enter');
say('listed', document.getElementById('largest-title').textContent.startsWith('In memory at operation') ? 'yes' : 'no');
say('passes', document.querySelectorAll('#passes input').length);
document.querySelectorAll('#passes input')[3].click();
say('boxesThen', document.querySelectorAll('#packing rect.box').length);
say('marked', document.querySelectorAll('#candidates tr[aria-current]').length);
say('tested', 'yes');
END

"$snug" plan resnet18 --batch-size 20 --input 3x64x64 --micro-batch 8 --memory 400MiB --json \
    --html plan.html >json || fail "no plan"
alone plan
with_steps plan
narrow plan-steps
for width in 1200 400; do
    [ $width -eq 400 ] && page=plan-steps-narrow || page=plan-steps
    browse "$page" 1200 --dump-dom >dom
    for kind in weights optimizer statistics gradients input activations workspace; do
        shown $kind "$(value $kind)"
    done
    shown peak "$(value peak_bytes)"
    shown in-use $(($(value peak_bytes) - $(value packing_gap)))
    shown ready yes
    shown wide fits
    shown width "$width"
    shown pointed kinds
    shown pointed-box named
    shown keyed largest
    shown listed yes
    shown passes 4
    shown marked 1
    shown tested yes
    unharmed
    boxes=$(sed -n 's/.*data-boxes="\([0-9]*\)".*/\1/p' dom)
    then=$(sed -n 's/.*data-boxes-then="\([0-9]*\)".*/\1/p' dom)
    [ "${then:-0}" -gt 100 ] && [ "${boxes:-0}" -gt "$then" ] || fail "boxes: $boxes, $then"
done

# A plan of one pass as the screen shows it, in light and dark.
for scheme in "" "--force-dark-mode"; do
    # shellcheck disable=SC2086 # no option at all when empty
    browse plan 1000 $scheme --screenshot="$folder/page.png" >/dev/null
    [ "$(wc -c <page.png)" -gt 30000 ] || fail "the screenshot is empty"
    rm -f page.png
done

# Nothing fits: the candidates alone.
"$snug" plan simple --memory 1000 --html none.html >/dev/null 2>&1
browse none 800 --dump-dom >dom
shown ready yes
grep -q '<section id="drawings" hidden' dom || fail "drawings of a plan that does not fit"
grep -q 'over the budget' dom || fail "no candidates where nothing fits"

# A file that cannot be written is an error of its own.
"$snug" plan simple --memory 100MiB --html nowhere/plan.html >out 2>&1
[ $? -eq 1 ] && grep -q "nowhere/plan.html" out || fail "nowhere/plan.html"

[ $failed -eq 0 ] && echo "the page works in $("$browser" --version 2>/dev/null)"
exit $failed
