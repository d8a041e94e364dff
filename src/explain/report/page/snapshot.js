// Draws what a memory snapshot tells: memory over its trace, who holds it, who holds more of it
// each iteration, how it lay in the segments, and the trace replayed under other settings.
// From the bottom of the stack to its top; blocks tell their kind by its place in BLOCK_KINDS.
const MEMORY_KINDS = ['weights', 'optimizer', 'gradients', 'activations', 'workspace', 'unclassified'];
const BLOCK_KINDS = ['weights', 'gradients', 'optimizer', 'activations', 'workspace', 'unclassified', 'pending'];
const WORDS = {optimizer: 'optimizer state', unclassified: 'other', pending: 'awaiting free',
               free: 'free (inactive)'};
const MOST_SITES = 12;
const wordsOf = kind => WORDS[kind] || kind;
const plural = (count, word) => `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;

function legendOf(kinds) {
    return element('ul', {class: 'legend', 'aria-label': 'Colours'},
        ...kinds.map(kind => element('li', {}, swatch(kind), wordsOf(kind))));
}
function chart(id, label) {
    return element('div', {class: 'chart', id, tabindex: 0, role: 'application', 'aria-label': label});
}
const hint = (...words) => element('p', {class: 'hint'}, ...words);

// --- Memory over the trace ------------------------------------------------------------------

// What this process could have at the failure.
const attainable = finding => finding.requested_bytes != null && finding.free_bytes != null
    ? finding.reserved_bytes + finding.free_bytes : 0;

// |timeline| with its steps, the moments of each stretch of most and of least live bytes, the edges
// between them, and the steps of the peak and of the position explained.
function measureTimeline(timeline) {
    const {positions, stretch, entries} = timeline;
    const live = positions.map((_, i) => MEMORY_KINDS.reduce((sum, kind) => sum + timeline[kind][i], 0));
    const steps = [];
    positions.forEach((position, i) => {
        const start = Math.floor(position / stretch) * stretch, last = steps.at(-1);
        if (!last || last.start !== start) steps.push({start, most: i, least: i});
        else if (live[i] > live[last.most]) last.most = i;
        else if (live[i] < live[last.least]) last.least = i;
    });
    let peakStep = 0, atStep = 0;
    steps.forEach((step, i) => {
        if (live[step.most] > live[steps[peakStep].most]) peakStep = i;
        if (step.start <= timeline.at) atStep = i;
    });
    return {...timeline, live, steps, edges: [...steps.map(step => step.start), entries + 1], peakStep, atStep};
}
// The values of |list|, or of a kind each, at the |which| moment of each step.
const pick = (timeline, which, list) => timeline.steps.map(step => list[step[which]]);
const pickKinds = (timeline, which) => Object.fromEntries(
    MEMORY_KINDS.map(kind => [kind, pick(timeline, which, timeline[kind])]));

function momentTip(timeline, i) {
    const {most, least} = timeline.steps[i];
    const passed = timeline.microseconds ? `, ${(timeline.microseconds[most] / 1e6).toFixed(3)} s` : '';
    const rows = [element('b', {}, `entry ${timeline.positions[most].toLocaleString('en')}${passed}`),
                  tipRow(i === timeline.peakStep ? 'live, the peak' : 'live', formatBytes(timeline.live[most])),
                  tipRow('reserved', formatBytes(timeline.reserved[most])), element('hr')];
    for (const kind of [...MEMORY_KINDS].reverse())
        if (timeline[kind][most]) rows.push(tipRow(wordsOf(kind), formatBytes(timeline[kind][most]), kind));
    if (timeline.stretch > 1 && least !== most)
        rows.push(element('hr'), tipRow(`least, at entry ${timeline.positions[least].toLocaleString('en')}`,
                                        formatBytes(timeline.live[least])));
    return rows;
}
// Thin lines where iterations begin, and a line through the bytes live there where those grow.
function drawIterations(f, iterations) {
    if (!iterations.known) return;
    const {starts, live_bytes: live} = iterations;
    if (starts.length * 5 < f.width)
        for (const start of starts)
            f.svg.append(drawn('line', {class: 'turn', x1: f.x(start), x2: f.x(start), y1: TOP, y2: f.y(0)}));
    if (iterations.growth_bytes > 0)
        f.svg.append(drawn('polyline', {class: 'growth',
            points: starts.map((start, i) => `${f.x(start)},${f.y(live[i])}`).join(' ')}));
}
// The last failure: what was asked for, on top of what was live.
function drawFailure(f, finding, timeline) {
    const {live_bytes: live, at} = timeline, asked = finding.requested_bytes;
    for (const [position] of timeline.failures)
        f.svg.append(drawn('line', {class: 'failure', x1: f.x(position), x2: f.x(position), y1: 17, y2: f.y(0)}));
    if (!asked) return;
    const x = f.x(at), toLeft = x > f.width / 2, top = Math.max(f.y(live + asked), TOP - 10);
    f.svg.append(drawn('rect', {class: 'asked', x: toLeft ? x - 14 : x, width: 14, y: top, height: f.y(live) - top}));
    drawLabel(f, x, 12, `asked for: ${formatBytes(asked)}`, 'over', toLeft);
}
function drawTimeline(host, finding, timeline) {
    const limit = attainable(finding), asked = finding.requested_bytes || 0;
    const most = Math.max(timeline.peak_bytes, ...timeline.reserved, 1);
    // A request many times what there is would flatten everything else.
    const top = 1.08 * Math.max(most, limit, Math.min(timeline.live_bytes + asked, 1.5 * most));
    const f = frame(host, {height: tall(340), top, count: timeline.entries + 1, words: 'entries of the trace'});
    if (timeline.stretch > 1)
        drawStack(f, MEMORY_KINDS, pickKinds(timeline, 'most'), timeline.edges, 'box faint');
    drawStack(f, MEMORY_KINDS, pickKinds(timeline, 'least'), timeline.edges);
    f.svg.append(drawn('path', {class: 'reserved',
        d: stepPath(f, timeline.edges, pick(timeline, 'most', timeline.reserved))}));
    drawIterations(f, finding.snapshot.iterations);
    if (limit) {
        drawLevel(f, limit, 'limit');
        drawLabel(f, LEFT + 6, f.y(limit) - 5, `what it could have: ${formatBytes(limit)}`, 'over', false);
    }
    drawFailure(f, finding, timeline);
    drawMark(f, f.x(timeline.peak_at + .5), f.y(timeline.peak_bytes),
             `peak: ${formatBytes(timeline.peak_bytes)}`, 'strong');
    const move = addCursor(f);
    followSteps(host, f, timeline.edges, {
        move: i => move(i < 0 ? null : timeline.edges[i]), tipOf: i => momentTip(timeline, i),
        levelOf: i => timeline.live[timeline.steps[i].most], start: timeline.atStep, choose: () => {}});
}
function timelineSection(finding) {
    const timeline = measureTimeline(finding.snapshot.timeline);
    const section = element('section', {}, element('h3', {}, 'Memory over the trace'));
    if (timeline.entries === 0) {
        section.append(hint('The snapshot has no trace, only what was held when it was written. ' +
            'torch.cuda.memory._record_memory_history() before training records one.'));
        return {section, draw: () => {}};
    }
    const host = chart('timeline', 'Live bytes by kind over the trace');
    const {iterations} = finding.snapshot;
    const words = [`Live bytes by kind over the ${timeline.entries.toLocaleString('en')} entries of the trace; ` +
        'the line above is what the allocator has reserved.'];
    if (timeline.stretch > 1)
        words.push(`Of every ${timeline.stretch.toLocaleString('en')} entries: the most, and darker the least.`);
    if (iterations.known) words.push('Thin lines: iterations begin' +
        (iterations.growth_bytes > 0 ? '; the line through them is what is live there.' : '.'));
    if (timeline.failures.length) words.push('Dashed: a request failed.');
    section.append(hint(words.join(' ')),
        legendOf(MEMORY_KINDS.filter(kind => timeline[kind].some(bytes => bytes > 0))), host);
    return {section, draw: () => drawTimeline(host, finding, timeline)};
}

// --- Who holds it, and more of it -----------------------------------------------------------

function placeOf(site) {
    return site.file === null ? ['no line of yours is known']
        : breakable(`${site.file}:${site.line}` + (site.function ? ` ${site.function}` : ''), '/');
}
// Rows [[cell, ...], ...]; a cell is a text, or [class, child ...].
function tableOf(id, heads, numeric, rows) {
    const cell = content => Array.isArray(content) ? element('td', {class: content[0]}, ...content.slice(1))
        : element('td', {}, content);
    return element('div', {class: 'scroll'}, element('table', {id}, tableHead(heads, numeric),
        element('tbody', {}, ...rows.map(row => element('tr', {}, ...row.map(cell))))));
}
const shareBar = (share, kind) => element('div', {class: 'bar',
    style: `width: ${Math.max(0, Math.min(100, 100 * share))}%; ${colour(kind)}`});

function kindsSection({snapshot}) {
    const total = Object.values(snapshot.kinds).reduce((sum, bytes) => sum + bytes, 0);
    const kinds = BLOCK_KINDS.filter(kind => snapshot.kinds[kind] > 0);
    if (!kinds.length) return [];
    const rows = kinds.map(kind => [['', swatch(kind), wordsOf(kind)], ['number', formatBytes(snapshot.kinds[kind])],
        ['number', percent(snapshot.kinds[kind] / total)], ['wide', shareBar(snapshot.kinds[kind] / total, kind)]]);
    return [element('h3', {}, (snapshot.has_oom ? 'Live when it failed' : snapshot.timeline.entries ? 'Live at the peak'
                : 'Live when it was written') + ', by kind'),
            tableOf('kinds', ['Kind', 'Bytes', 'Share', ''], [1, 2], rows)];
}
function sitesSection({snapshot}) {
    const sites = snapshot.sites.slice(0, MOST_SITES);
    if (!sites.length) return [];
    const rows = sites.map(site => [['name', ...placeOf(site)], ['', swatch(site.kind), wordsOf(site.kind)],
        ['number', formatBytes(site.bytes)], ['number', site.tensors.toLocaleString('en')]]);
    return [element('h3', {}, 'Who made it'), tableOf('sites', ['Line', 'Kind', 'Bytes', 'Tensors'], [2, 3], rows)];
}
function growthSection({snapshot}) {
    const {iterations, growing} = snapshot;
    const parts = [element('h3', {}, 'What grows from iteration to iteration')];
    if (!iterations.known) {
        parts.push(hint('No iterations could be told from the trace.'));
        return parts;
    }
    if (!(iterations.growth_bytes > 0)) {
        parts.push(hint(iterations.compared > 0
            ? `Nothing: ${plural(iterations.count, 'iteration')} begin, and no more stays live from one to the next.`
            : 'The trace has too few iterations to tell.'));
        return parts;
    }
    parts.push(hint(`Live bytes grow by ${formatBytes(iterations.growth_bytes)} an iteration ` +
        `(${iterations.growing} of ${iterations.compared} compared).`));
    const rows = growing.slice(0, MOST_SITES).map(site => [['name', ...placeOf(site)], ['', swatch(site.kind), wordsOf(site.kind)],
        ['number', '+' + formatBytes(site.bytes_per_iteration)], ['number', formatBytes(site.bytes)],
        ['number', site.tensors.toLocaleString('en')]]);
    if (rows.length)
        parts.push(tableOf('growing', ['Line', 'Kind', 'An iteration', 'Live', 'Tensors'], [2, 3, 4], rows));
    if (growing.length > rows.length)
        parts.push(hint(`${plural(growing.length - rows.length, 'line')} that grow less are left out.`));
    return parts;
}

// --- Segments -------------------------------------------------------------------------------

// The blocks of |segment| and the free pieces between them, by address.
function listBlocks(segment, places) {
    const boxes = [];
    let at = 0;
    const add = (kind, offset, bytes, more) => boxes.push({kind, offset, bytes, segment, ...more});
    for (const [offset, bytes, used, kind, place, tensors] of segment.blocks) {
        if (offset > at) add('free', at, offset - at);
        if (offset + bytes <= at) continue;
        add(BLOCK_KINDS[kind], offset, bytes, {used, tensors, place: place === null ? null : places[place]});
        at = offset + bytes;
    }
    if (segment.bytes > at) add('free', at, segment.bytes - at);
    return boxes;
}
function blockTip(box) {
    const {segment} = box;
    const title = box.kind === 'free' ? 'free'
        : box.tensors > 1 ? `${plural(box.tensors, 'tensor')}, drawn together` : 'a tensor';
    const rows = [element('b', {}, box.place ? `${box.place[0]}:${box.place[1]} ${box.place[2]}` : title)];
    if (box.place && box.tensors > 1) rows.push(element('div', {}, title));
    rows.push(tipRow(wordsOf(box.kind), formatBytes(box.used ?? box.bytes), box.kind),
              tipRow('bytes', (box.used ?? box.bytes).toLocaleString('en')),
              tipRow('offset', box.offset.toLocaleString('en')), element('hr'),
              tipRow(`segment ${segment.address}`, formatBytes(segment.bytes)),
              tipRow('for requests', segment.large ? 'above 1 MiB' : 'up to 1 MiB'));
    if (segment.stream) rows.push(tipRow('stream', String(segment.stream)));
    if (segment.pool) rows.push(tipRow('private pool', segment.pool.join(', ')));
    return rows;
}
// Segments one after another, over lines as a text's words are, all to one scale.
function drawSegments(host, finding, boxes) {
    const {segments, largest_free_bytes: largest} = finding.snapshot.layout;
    const width = widthOf(host), GAP = 3, HEIGHT = 18, PITCH = 24;
    const total = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    const asked = finding.requested_bytes <= total ? finding.requested_bytes : 0;
    const scale = (innerWidth < 600 ? 26 : 16) * width / Math.max(1, total);
    const cut = (from, to) => { // pixels along all lines to rectangles
        const rects = [];
        for (let line = Math.floor(from / width); line * width < to; line++) {
            const left = Math.max(from, line * width), right = Math.min(to, (line + 1) * width);
            rects.push([left - line * width, line * PITCH + 2, right - left, HEIGHT]);
        }
        return rects.length ? rects : [[from % width, Math.floor(from / width) * PITCH + 2, 0, HEIGHT]];
    };
    const starts = new Map();
    let end = 0;
    for (const segment of segments) {
        starts.set(segment, end);
        end += segment.bytes * scale + GAP;
    }
    const askedAt = Math.ceil(end / width) * width;
    const height = Math.ceil((asked ? askedAt + asked * scale : end) / width) * PITCH + (asked ? 20 : 4);
    const svg = drawn('svg', {viewBox: `0 0 ${width} ${height}`, height, 'aria-hidden': 'true'});
    host.replaceChildren(svg);
    drawBoxes(host, svg, boxes, box => {
        const start = starts.get(box.segment) + box.offset * scale;
        return cut(start, start + box.bytes * scale);
    }, blockTip);
    const outline = (from, to, name, address) => {
        for (const [x, y, wide, high] of cut(from, to))
            svg.append(drawn('rect', {class: name, x, y, width: wide, height: high, 'data-address': address}));
    };
    for (const segment of segments)
        outline(starts.get(segment), starts.get(segment) + segment.bytes * scale, 'segment', segment.address);
    const free = boxes.find(box => box.kind === 'free' && box.bytes === largest);
    if (free) {
        const start = starts.get(free.segment) + free.offset * scale;
        outline(start, start + Math.max(2, free.bytes * scale), 'segment largest', free.segment.address);
    }
    if (asked) {
        outline(askedAt, askedAt + asked * scale, 'asked', '');
        svg.append(drawn('text', {class: 'over', x: 0, y: height - 5},
                         `asked for, to the same scale: ${formatBytes(asked)}`));
    }
}
function layoutSection(finding) {
    const {layout} = finding.snapshot;
    const section = element('section', {}, element('h3', {}, 'Where everything lies'));
    const boxes = layout.segments.flatMap(segment => listBlocks(segment, layout.places));
    const host = chart('segments', 'The segments with their blocks');
    const left = [];
    if (layout.segments_left_out)
        left.push(`${plural(layout.segments_left_out, 'smaller segment')}, ` +
            `${formatBytes(layout.bytes_left_out)} together, ${layout.segments_left_out === 1 ? 'is' : 'are'} left out.`);
    if (layout.together_below_bytes)
        left.push(`What is smaller than ${formatBytes(layout.together_below_bytes)} is drawn together.`);
    section.append(element('p', {class: 'hint', id: 'layout'},
        `${plural(layout.segment_count, 'segment')}, ${plural(layout.tensors, 'tensor')}, ` +
        `${plural(layout.free_pieces, 'free piece')}, the largest ${formatBytes(layout.largest_free_bytes)}` +
        `${finding.requested_bytes ? ' (of the sort that the request may take)' : ''}. Each outline is a segment, to scale, ` +
        'over as many lines as it needs. Point at a block, or use the arrow keys, largest first.'));
    if (left.length) section.append(element('p', {class: 'hint', id: 'left-out'}, left.join(' ')));
    const kinds = [...BLOCK_KINDS, 'free'].filter(kind => boxes.some(box => box.kind === kind));
    section.append(legendOf(kinds), host);
    return {section, draw: () => drawSegments(host, finding, boxes), boxes};
}

// --- Other settings -------------------------------------------------------------------------

function whatIfSection({what_if: replay}) {
    if (replay === undefined) return [];
    const parts = [element('h3', {}, 'The trace under other settings of the allocator')];
    if (replay === null) {
        parts.push(hint('There is none: the trace is missing, or contradicts itself. Call ' +
            'torch.cuda.memory._record_memory_history() before training.'));
        return parts;
    }
    if (replay.failures)
        parts.push(hint('What each would have reserved at most, and whether the request that failed would have succeeded.'));
    parts.push(hint(replay.exact ? 'The replay as recorded gives every segment and address again. '
        : replay.reproduced ? 'The replay as recorded gives the recorded peak again. '
        : 'The replay as recorded does not give the recorded peak: these figures are rough. ',
        replay.best === null ? 'No setting is recommended.' : element('span', {}, 'Best: ', element('code', {}, `PYTORCH_CUDA_ALLOC_CONF=${replay.best}`))));
    const most = Math.max(...replay.settings.map(row => row.peak_reserved_bytes), 1);
    const rows = replay.settings.map(row => [
        ['name', ...breakable(row.settings || 'the defaults', ','),
         ...(row.recorded ? [' (as recorded)'] : []),
         ...(row.needs_fraction ? [' (with set_per_process_memory_fraction())'] : [])],
        ['number', formatBytes(row.peak_reserved_bytes),
         shareBar(row.peak_reserved_bytes / most, row.succeeds ? 'activations' : 'workspace')],
        row.fails_earlier ? 'fails earlier' : row.succeeds === null ? '' : row.succeeds ? 'succeeds' : 'fails']);
    const table = tableOf('what-if', ['Settings', 'Reserved peak', replay.failures ? 'Request' : ''],
                          [1], rows);
    const best = replay.settings.findIndex((row, i) => i > 0 && row.settings === replay.best);
    if (best > 0) table.querySelectorAll('tbody tr')[best].className = 'chosen';
    parts.push(table);
    return parts;
}

// --------------------------------------------------------------------------------------------

// Appends everything to |host|, which is in the document.
function drawSnapshot(finding, host) {
    const timeline = timelineSection(finding), layout = layoutSection(finding);
    host.append(timeline.section, ...kindsSection(finding), ...sitesSection(finding),
                ...growthSection(finding), layout.section, ...whatIfSection(finding));
    const draw = () => { hideTip(); timeline.draw(); layout.draw(); };
    draw();
    redrawWithWidth(timeline.section, draw);
    const shown = document.body.dataset, {kinds} = finding.snapshot;
    shown.peak = finding.snapshot.timeline.peak_bytes;
    shown.segments = new Set([...document.querySelectorAll('#segments .segment')].map(r => r.dataset.address)).size;
    shown.blocks = layout.boxes.filter(box => box.kind !== 'free').length;
    for (const kind of Object.keys(kinds)) shown[kind] = kinds[kind];
}
