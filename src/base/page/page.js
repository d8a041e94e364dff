'use strict';
// What the pages of reports share: words for figures, elements, the tip, axes, stacked areas, boxes
// that answer the pointer and the arrow keys. Every text enters a page as text, never as markup.
const LEFT = 66, RIGHT = 10, TOP = 36, BOTTOM = 34;
const byId = id => document.getElementById(id);
const readData = () => JSON.parse(byId('data').textContent);

function formatBytes(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
    return (unit ? bytes.toFixed(2) : bytes) + ' ' + units[unit];
}
const exactBytes = bytes => bytes.toLocaleString('en') + ' bytes';
const percent = x => (100 * x).toFixed(1) + ' %';

function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}
function drawn(tag, attributes = {}, text) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
}
const colour = kind => `--kind: var(--${kind})`;
const swatch = kind => element('span', {class: 'swatch', style: colour(kind)});
// A name that may break after its dots, or another character.
const breakable = (name, after = '.') => name.split(after).flatMap((part, i) => i ? [after, element('wbr'), part] : [part]);

// [name, value, more] as panels.
function figureList(figures) {
    return figures.map(([name, value, more]) => element('div', {}, element('dt', {}, name),
        element('dd', {}, value, element('small', {}, more))));
}
// A table's head; |numeric| are the columns to the right.
function tableHead(heads, numeric) {
    return element('thead', {}, element('tr', {}, ...heads.map((head, i) =>
        element('th', {scope: 'col', class: numeric.includes(i) ? 'number' : ''}, head))));
}

// --- The tip --------------------------------------------------------------------------------

const tip = byId('tip');
function showTip(x, y, ...content) {
    tip.replaceChildren(...content);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    tip.style.left = Math.max(6, Math.min(left, innerWidth - box.width - 6)) + 'px';
    tip.style.top = Math.max(6, Math.min(y + 14, innerHeight - box.height - 6)) + 'px';
}
const hideTip = () => { tip.hidden = true; };
const tipRow = (name, value, kind) => element('div', {class: 'row'},
    element('span', {}, ...(kind ? [swatch(kind)] : []), name), element('span', {}, value));

// --- Drawings -------------------------------------------------------------------------------

const tall = wide => innerWidth < 600 ? wide * .75 : wide;
const widthOf = host => Math.max(280, host.clientWidth);

// The smallest step, a power of two, that |span| has at most |most| of.
function niceStep(span, most) {
    let step = 1;
    while (span / step > most) step *= 2;
    return step;
}
// The same of 1, 2, 5, 10, 20 ...
function roundStep(span, most) {
    for (let ten = 1; ; ten *= 10)
        for (const step of [ten, 2 * ten, 5 * ten]) if (span / step <= most) return step;
}
// An empty drawing in |host| with both axes: |count| from left to right, |top| bytes upwards.
// Returns what the drawings place themselves by.
function frame(host, {height, top, count, words}) {
    const width = widthOf(host);
    const svg = drawn('svg', {viewBox: `0 0 ${width} ${height}`, height, 'aria-hidden': 'true'});
    const x = at => LEFT + (width - LEFT - RIGHT) * at / count;
    const y = bytes => height - BOTTOM - (height - BOTTOM - TOP) * bytes / top;
    const step = niceStep(top, height > 260 ? 7 : 5);
    for (let bytes = 0; bytes <= top; bytes += step) {
        svg.append(drawn('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(bytes), y2: y(bytes)}));
        svg.append(drawn('text', {x: LEFT - 6, y: y(bytes) + 4, 'text-anchor': 'end'},
                         formatBytes(bytes).replace('.00', '')));
    }
    const every = roundStep(count, width / 90);
    for (let at = 0; at <= count; at += every)
        svg.append(drawn('text', {x: x(at), y: height - BOTTOM + 14, 'text-anchor': 'middle'},
                         at.toLocaleString('en')));
    svg.append(drawn('text', {x: width - RIGHT, y: height - 5, 'text-anchor': 'end'}, words));
    host.replaceChildren(svg);
    return {svg, x, y, width, height, top};
}
// A level across the drawing.
function drawLevel(f, bytes, name) {
    f.svg.append(drawn('line', {class: name, x1: LEFT, x2: f.width - RIGHT, y1: f.y(bytes), y2: f.y(bytes)}));
}
// A text that stays readable over the drawing, at |x| or to the left of it.
function drawLabel(f, x, y, text, name, toLeft) {
    f.svg.append(drawn('text', {class: 'halo ' + name, x, y, 'text-anchor': toLeft ? 'end' : 'start'}, text));
}
// The steps of |values| between |edges|, of which there is one more, as a path.
function stepPath(f, edges, values) {
    let path = '';
    for (let i = 0; i < values.length; i++)
        path += `L${f.x(edges[i]).toFixed(2)} ${f.y(values[i]).toFixed(2)}H${f.x(edges[i + 1]).toFixed(2)}`;
    return 'M' + path.slice(1);
}
// Areas of |live[kind]|, one upon the other, between |edges|.
function drawStack(f, kinds, live, edges, name = 'box') {
    const count = edges.length - 1;
    const floor = new Float64Array(count);
    for (const kind of kinds) {
        let up = '', down = '';
        for (let i = 0; i < count; i++) {
            const ceiling = floor[i] + live[kind][i];
            up += `L${f.x(edges[i]).toFixed(2)} ${f.y(ceiling).toFixed(2)}H${f.x(edges[i + 1]).toFixed(2)}`;
            down = `L${f.x(edges[i + 1]).toFixed(2)} ${f.y(floor[i]).toFixed(2)}H${f.x(edges[i]).toFixed(2)}` + down;
            floor[i] = ceiling;
        }
        f.svg.append(drawn('path', {class: name, style: colour(kind), 'data-kind': kind,
                                    d: 'M' + up.slice(1) + down + 'Z'}));
    }
}
// A triangle above (|x|, |y|) with words beside it.
function drawMark(f, x, y, words, name) {
    f.svg.append(drawn('path', {class: name, d: `M${x} ${y - 1}l-5 -8h10z`}));
    const toLeft = x > f.width / 2;
    drawLabel(f, x + (toLeft ? -9 : 9), y - 1, words, name, toLeft);
}
// A line that follows what is pointed at; the returned function moves it, null hides it.
function addCursor(f) {
    const line = drawn('line', {class: 'cursor', y1: TOP, y2: f.height - BOTTOM, visibility: 'hidden'});
    f.svg.append(line);
    return at => {
        line.setAttribute('visibility', at === null ? 'hidden' : 'visible');
        if (at === null) return;
        line.setAttribute('x1', f.x(at));
        line.setAttribute('x2', f.x(at));
    };
}
// The pointer and the arrow keys over the steps between |edges|: |move(i)|, -1 for none, |tipOf(i)|,
// |levelOf(i)| in bytes, |start| to begin at, and |choose(i)| on a click or Enter.
function followSteps(host, f, edges, {move, tipOf, levelOf, start, choose}) {
    const count = edges.length - 1;
    let on = -1;
    const rect = () => f.svg.getBoundingClientRect();
    const indexAt = event => {
        const at = (event.clientX - rect().left - LEFT) / (f.width - LEFT - RIGHT) * edges[count];
        let low = 0, high = count - 1;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (edges[middle] <= at) low = middle; else high = middle - 1;
        }
        return low;
    };
    const go = index => { on = index; move(index); };
    f.svg.onpointermove = event => {
        go(indexAt(event));
        showTip(event.clientX, event.clientY, ...tipOf(on));
    };
    f.svg.onpointerleave = () => { go(-1); hideTip(); };
    f.svg.onclick = event => choose(indexAt(event));
    const point = index => {
        go(Math.max(0, Math.min(count - 1, index)));
        showTip(rect().left + f.x(edges[on]), rect().top + f.y(levelOf(on)), ...tipOf(on));
    };
    host.onfocus = () => { if (host.matches(':focus-visible')) point(start); };
    host.onblur = () => { go(-1); hideTip(); };
    host.onkeydown = event => {
        const from = on < 0 ? start : on, page = Math.ceil(count / 20);
        const to = {ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - page, PageDown: from + page,
                    Home: 0, End: count - 1}[event.key];
        if (event.key === 'Enter') choose(from);
        else if (event.key === 'Escape') hideTip();
        else if (to !== undefined) point(to);
        else return;
        event.preventDefault();
    };
}

// Boxes that |place(box)| puts somewhere as [x, y, width, height], or as several of them, with
// hover, and arrow keys that go through them by size.
function drawBoxes(host, svg, boxes, place, tipOf) {
    const drawOne = (box, i, [x, y, width, height]) => {
        const edged = width > 4 && height > 4 ? ' edged' : '';
        const rect = drawn('rect', {class: 'box' + edged, style: colour(box.kind), x, y, width, height,
                                    'data-index': i, 'data-bytes': box.bytes});
        svg.append(rect);
        return rect;
    };
    const rects = boxes.map((box, i) => {
        const places = place(box);
        return (Array.isArray(places[0]) ? places : [places]).map(each => drawOne(box, i, each));
    });
    let on = -1;
    const select = index => {
        if (on >= 0) rects[on].forEach(rect => rect.classList.remove('on'));
        on = index;
        if (on >= 0) rects[on].forEach(rect => rect.classList.add('on'));
    };
    svg.onpointermove = event => {
        const index = event.target.dataset ? event.target.dataset.index : undefined;
        select(index === undefined ? -1 : Number(index));
        if (on < 0) hideTip();
        else showTip(event.clientX, event.clientY, ...tipOf(boxes[on]));
    };
    svg.onpointerleave = () => { select(-1); hideTip(); };
    const order = boxes.map((_, i) => i).sort((a, b) => boxes[b].bytes - boxes[a].bytes);
    const go = rank => {
        select(order[Math.max(0, Math.min(order.length - 1, rank))]);
        const at = rects[on][0].getBoundingClientRect();
        showTip(at.left + at.width / 2, at.top + at.height / 2, ...tipOf(boxes[on]));
    };
    host.onfocus = () => { if (order.length && host.matches(':focus-visible')) go(0); };
    host.onblur = () => { select(-1); hideTip(); };
    host.onkeydown = event => {
        const rank = order.indexOf(on);
        const to = {ArrowLeft: rank - 1, ArrowUp: rank - 1, ArrowRight: rank + 1, ArrowDown: rank + 1,
                    Home: 0, End: order.length - 1}[event.key];
        if (event.key === 'Escape') hideTip();
        else if (to !== undefined && order.length) go(to);
        else return;
        event.preventDefault();
    };
}
// Draws again with |draw| where the window's width changes, as long as |host| is in the page.
function redrawWithWidth(host, draw) {
    let width = innerWidth;
    const redraw = () => {
        if (!host.isConnected) removeEventListener('resize', redraw);
        else if (innerWidth !== width) { width = innerWidth; draw(); }
    };
    addEventListener('resize', redraw);
}
