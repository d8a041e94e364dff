// Draws the plan that the element #data holds. Bytes are exact integers throughout.
const data = readData();
const plan = data.plan;
const chosen = plan.chosen;
// From the bottom of the stack to its top.
const KINDS = ['weights', 'optimizer', 'statistics', 'gradients', 'input', 'activations', 'workspace'];
const PHASES = ['forward', 'backward', 'update'];
const formatSeconds = s => s >= 1 ? s.toFixed(2) + ' s' : (s * 1e3).toPrecision(3) + ' ms';

// --- The plan's parts -----------------------------------------------------------------------

function operationName(node) {
    return (node.scope ? node.scope + ': ' : '') + node.op + (node.again ? ' (computed again)' : '');
}
function tensorName(pass, tensor) {
    if (typeof tensor === 'string') return tensor;
    const node = pass.nodes[Math.floor(tensor / data.outputs)];
    const output = tensor % data.outputs;
    return (node.scope ? node.scope + ': ' : '') + node.op +
        (output ? ', output ' + (output + 1) : '') + (node.phase ? ' (' + PHASES[node.phase] + ')' : '');
}

// The boxes of a pass: storages and workspaces, with addresses from the arena's start.
function listBoxes(pass) {
    const base = data.persistent.bytes;
    const boxes = pass.storages.map(s => ({
        kind: s.kind, bytes: s.bytes, offset: base + s.offset, first: s.first, end: s.end,
        name: s.tensors.length ? tensorName(pass, s.tensors[0]) : 'unused',
        others: s.tensors.slice(1).map(t => tensorName(pass, t))}));
    pass.nodes.forEach((node, i) => {
        if (node.workspace)
            boxes.push({kind: 'workspace', bytes: node.workspace, offset: base + node.at, first: i,
                        end: i + 1, name: 'workspace of ' + operationName(node), others: []});
    });
    return boxes;
}
const slots = data.persistent.slots.map(s => ({...s, first: 0, end: Infinity, others: []}));

// Bytes in use by kind and operation, persistent memory included, and where they are most.
function measure(pass) {
    const count = pass.nodes.length;
    const live = {};
    for (const kind of KINDS) live[kind] = new Float64Array(count + 1);
    for (const slot of slots) live[slot.kind][0] += slot.bytes;
    for (const box of pass.boxes) {
        live[box.kind][box.first] += box.bytes;
        live[box.kind][box.end] -= box.bytes;
    }
    const total = new Float64Array(count);
    for (const kind of KINDS)
        for (let i = 0; i < count; i++) {
            if (i) live[kind][i] += live[kind][i - 1];
            total[i] += live[kind][i];
        }
    let peak = 0;
    for (let i = 1; i < count; i++) if (total[i] > total[peak]) peak = i;
    return {live, total, peak};
}
for (const pass of data.passes) {
    pass.boxes = listBoxes(pass);
    Object.assign(pass, measure(pass));
}
const arena = chosen ? chosen.peak_bytes : 0;
const largestPass = data.passes.reduce((a, b) => !a || b.bytes > a.bytes ? b : a, null);
const liveAt = (pass, op) => slots.concat(pass.boxes.filter(b => b.first <= op && op < b.end))
    .sort((a, b) => b.bytes - a.bytes);

function passTitle(pass) {
    const titles = {
        step: pass.runs > 1 || data.passes.some(p => p.name === 'update')
            ? `Micro-batch of ${pass.samples}` + (pass.runs > 1 ? `, ${pass.runs} a step` : '')
            : 'Step',
        tail: `Last micro-batch of ${pass.samples}`, inspect: 'All gradients looked at',
        update: 'Update', evaluate: 'Evaluation'};
    return titles[pass.name] || pass.name;
}

// --- Head and tables ------------------------------------------------------------------------

function drawHead() {
    byId('about').textContent = `${data.input.join('\u00d7')} input, ${data.classes} classes, planned for ` +
        plan.device + (data.threads ? ` with ${data.threads} threads` : '');
    const figures = [];
    if (chosen) figures.push(['Peak', formatBytes(arena), exactBytes(arena)]);
    figures.push(['Budget', formatBytes(plan.budget_bytes), exactBytes(plan.budget_bytes)]);
    figures.push(['Unfixed', formatBytes(plan.unfixed_bytes),
                  chosen ? `the plan needs ${percent(arena / plan.unfixed_bytes)} of it` : 'every tensor kept']);
    if (plan.minimum_bytes !== null)
        figures.push(['Minimum', formatBytes(plan.minimum_bytes), 'the smallest budget that works']);
    if (chosen) {
        figures.push(['Step', formatSeconds(chosen.step_seconds), 'predicted']);
        figures.push(['Micro-batch', String(chosen.micro_batch),
                      chosen.accumulation_steps > 1 ? `${chosen.accumulation_steps} make a step`
                                                    : 'the whole batch at once']);
    }
    byId('figures').append(...figureList(figures));
    byId('verdict').textContent = chosen
        ? `Fixes: ${chosen.fixes.join(', ') || 'none'}. They change ` +
          (chosen.fidelity === 'exact' ? 'nothing in the result.' : `the ${chosen.fidelity}` +
           (chosen.fidelity === 'statistics' ? ': batch norm sees micro-batches.' : '.'))
        : 'Nothing that is allowed fits the budget, so there is no packing to draw.';
    byId('note').textContent = data.note.replaceAll('\n', ' ');
}

function drawCandidates() {
    const table = byId('candidates');
    const heads = ['', 'Fixes', 'Changes', 'Micro-batch', 'Peak', 'Of unfixed', 'Step', 'Against unfixed', ''];
    const numeric = [3, 4, 5, 6, 7];
    table.append(tableHead(heads, numeric));
    const body = element('tbody');
    const most = Math.max(...plan.candidates.map(c => c.peak_bytes));
    const unfixedSeconds = plan.candidates.length ? plan.candidates[0].step_seconds : 0;
    const same = JSON.stringify(chosen);
    let found = false;
    for (const candidate of plan.candidates) {
        const {fits, ...rest} = candidate;
        const isChosen = !found && chosen !== null && JSON.stringify(rest) === same;
        found = found || isChosen;
        const bar = element('div', {class: 'bar', style: `width:${100 * candidate.peak_bytes / most}%`});
        const slower = candidate.step_seconds / unfixedSeconds - 1;
        const cells = [
            isChosen ? '\u2713' : '', candidate.fixes.join(', ') || 'none',
            candidate.fidelity === 'exact' ? 'nothing' : candidate.fidelity,
            candidate.accumulation_steps > 1 ? `${candidate.accumulation_steps} \u00d7 ${candidate.micro_batch}`
                                             : String(candidate.micro_batch),
            formatBytes(candidate.peak_bytes), percent(candidate.peak_bytes / plan.unfixed_bytes),
            formatSeconds(candidate.step_seconds), (slower < 0 ? '\u2212' : '+') + percent(Math.abs(slower)),
            isChosen ? 'chosen' : fits ? '' : candidate.peak_bytes > plan.budget_bytes ? 'over the budget'
                                                                                       : 'not allowed'];
        const row = element('tr', {class: isChosen ? 'chosen' : fits ? '' : 'unfit'}, ...cells.map((text, i) =>
            element('td', {class: numeric.includes(i) ? 'number' : i === 1 ? 'fixes' : ''}, text)));
        if (isChosen) row.setAttribute('aria-current', 'true');
        row.children[4].title = exactBytes(candidate.peak_bytes);
        row.children[4].append(bar);
        body.append(row);
    }
    table.append(body);
}

function drawLargest(op) {
    byId('largest-title').textContent = (op === pass.peak ? 'In memory at the peak: ' : 'In memory at ') +
        `operation ${op}, ${operationName(pass.nodes[op])}`;
    const table = byId('largest');
    table.replaceChildren(tableHead(
        ['Tensor', 'Kind', 'Bytes', 'Of all in use', 'Needed by operations'], [2, 3]));
    const body = element('tbody');
    for (const box of liveAt(pass, op).slice(0, 12)) {
        const size = element('td', {class: 'number', title: exactBytes(box.bytes)}, formatBytes(box.bytes));
        body.append(element('tr', {}, element('td', {class: 'name'}, ...breakable(box.name)),
            element('td', {}, swatch(box.kind), box.kind), size,
            element('td', {class: 'number'}, percent(box.bytes / pass.total[op])),
            element('td', {}, lifetime(box))));
    }
    table.append(body);
}
const lifetime = box => box.end === Infinity ? 'always'
    : box.end === box.first + 1 ? `${box.first}` : `${box.first} to ${box.end - 1}`;

// --- Tips -----------------------------------------------------------------------------------

function operationTip(op) {
    const node = pass.nodes[op];
    const rows = [element('b', {}, `${op}: ${operationName(node)}`),
                  tipRow(PHASES[node.phase] + (op === pass.peak ? ', the peak' : ''), formatBytes(pass.total[op])),
                  element('hr')];
    for (const kind of [...KINDS].reverse())
        if (pass.live[kind][op]) rows.push(tipRow(kind, formatBytes(pass.live[kind][op]), kind));
    rows.push(element('hr'));
    for (const box of liveAt(pass, op).slice(0, 5)) rows.push(tipRow(box.name, formatBytes(box.bytes), box.kind));
    return rows;
}
function boxTip(box) {
    const rows = [element('b', {}, box.name), tipRow(box.kind, formatBytes(box.bytes), box.kind),
                  tipRow('bytes', box.bytes.toLocaleString('en')),
                  tipRow('address', box.offset.toLocaleString('en')),
                  tipRow('operations', lifetime(box))];
    if (box.others.length) {
        rows.push(element('hr'), element('div', {}, 'then in the same memory:'));
        rows.push(...box.others.slice(0, 4).map(name => element('div', {}, name)));
        if (box.others.length > 4) rows.push(element('div', {}, `and ${box.others.length - 4} more`));
    }
    return rows;
}

// --- Drawings -------------------------------------------------------------------------------

let pass = largestPass;   // the one shown
let cursors = [];         // functions that move the drawings' cursors

const framePass = (host, height) => frame(host, {height, top: scaleTop(), count: pass.nodes.length,
                                                 words: 'operations, in the order they run'});
function drawPhases(f) {
    const turn = pass.nodes.findIndex(node => node.phase > 0);
    const later = [...new Set(pass.nodes.filter(node => node.phase > 0).map(node => PHASES[node.phase]))].join(', ');
    if (turn > 0) {
        f.svg.append(drawn('line', {class: 'grid', x1: f.x(turn), x2: f.x(turn), y1: 18, y2: f.height - BOTTOM}));
        f.svg.append(drawn('text', {x: f.x(turn) - 5, y: 28, 'text-anchor': 'end'}, 'forward'));
    }
    f.svg.append(drawn('text', {x: turn > 0 ? f.x(turn) + 5 : LEFT, y: 28}, turn < 0 ? 'forward' : later));
}
// The arena's line and the budget's, or the budget in words where it lies far above.
function drawLimits(f) {
    const right = f.width - RIGHT - 4;
    drawLevel(f, arena, 'arena');
    const label = (y, text, name) => drawLabel(f, right, y, text, name, true);
    if (plan.budget_bytes > f.top) {
        label(12, `arena ${formatBytes(arena)}, budget ${formatBytes(plan.budget_bytes)}`, 'strong');
        return;
    }
    drawLevel(f, plan.budget_bytes, 'limit');
    const close = Math.abs(f.y(arena) - f.y(plan.budget_bytes)) < 18;
    label(f.y(arena) + (close ? 13 : -5), `arena ${formatBytes(arena)}`, 'strong');
    label(f.y(plan.budget_bytes) - 5, `budget ${formatBytes(plan.budget_bytes)}`, 'over');
}
const scaleTop = () => plan.budget_bytes <= 1.6 * arena ? Math.max(plan.budget_bytes, arena) * 1.04 : arena * 1.1;

function drawTimeline() {
    const host = byId('timeline');
    const f = framePass(host, tall(320));
    const edges = Array.from({length: pass.nodes.length + 1}, (_, i) => i);
    drawStack(f, KINDS, pass.live, edges);
    drawPhases(f);
    drawLimits(f);
    const px = f.x(pass.peak + .5), py = f.y(pass.total[pass.peak]);
    f.svg.append(drawn('path', {class: 'strong', d: `M${px} ${py - 1}l-5 -8h10z`}));
    const toLeft = px > f.width / 2;
    drawLabel(f, px + (toLeft ? -8 : 8), py + 14, `most in use: ${formatBytes(pass.total[pass.peak])}`,
              'strong', toLeft);
    cursors.push(addCursor(f));
    followSteps(host, f, edges, {
        move: op => { for (const move of cursors) move(op < 0 ? null : op + .5); },
        tipOf: operationTip, levelOf: op => pass.total[op], start: pass.peak, choose: drawLargest});
}

function drawPacking() {
    const host = byId('packing');
    const f = framePass(host, tall(460));
    f.svg.append(drawn('rect', {class: 'gap', x: LEFT, width: f.width - LEFT - RIGHT, y: f.y(arena),
                                height: f.y(0) - f.y(arena)}));
    const count = pass.nodes.length;
    drawBoxes(host, f.svg, slots.concat(pass.boxes), box => {
        const end = Math.min(box.end, count), top = f.y(box.offset + box.bytes);
        return [f.x(box.first), top, f.x(end) - f.x(box.first), f.y(box.offset) - top];
    }, boxTip);
    drawPhases(f);
    drawLimits(f);
    cursors.push(addCursor(f));
}

function drawStrip() {
    const host = byId('strip'), width = widthOf(host), height = 44;
    const svg = drawn('svg', {viewBox: `0 0 ${width} ${height}`, height, 'aria-hidden': 'true'});
    host.replaceChildren(svg);
    const scale = width / Math.max(1, data.persistent.bytes);
    drawBoxes(host, svg, slots, slot => [slot.offset * scale, 0, slot.bytes * scale, 30], boxTip);
    svg.append(drawn('text', {x: 0, y: height - 2}, '0'));
    svg.append(drawn('text', {x: width, y: height - 2, 'text-anchor': 'end'}, formatBytes(data.persistent.bytes)));
    byId('kept').textContent = `The band at the bottom of the arena, spread out: ${slots.length} tensors in ` +
        `${formatBytes(data.persistent.bytes)}, one after another.`;
}

function drawPass() {
    cursors = [];
    hideTip();
    drawTimeline();
    drawPacking();
    drawStrip();
    drawLargest(pass.peak);
}

function start() {
    drawHead();
    drawCandidates();
    if (chosen) {
        byId('drawings').hidden = false;
        for (const kind of KINDS)
            byId('legend').append(element('li', {}, swatch(kind), kind));
        data.passes.forEach((each, i) => {
            const button = element('input', {type: 'radio', name: 'pass', value: i});
            button.checked = each === pass;
            button.onchange = () => { pass = each; drawPass(); };
            byId('passes').append(element('label', {}, button, passTitle(each) +
                                          (each === largestPass ? ' (the peak)' : '')));
        });
        drawPass();
        redrawWithWidth(byId('drawings'), drawPass);
        document.body.dataset.peak = arena;
        document.body.dataset.inUse = pass.total[pass.peak];
        for (const kind of KINDS)
            document.body.dataset[kind] = pass.live[kind][pass.peak];
    }
    document.body.dataset.ready = 'yes';
}
start();
