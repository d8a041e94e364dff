// Draws the findings of an explanation into #findings. Bytes are exact integers throughout.
const FIGURES = [
    ['requested_bytes', 'Requested'], ['capacity_bytes', 'Capacity'], ['free_bytes', 'Free'],
    ['allocated_bytes', 'Allocated'], ['reserved_bytes', 'Reserved'],
    ['unallocated_bytes', 'Reserved, unallocated'], ['process_bytes', 'This process'],
    ['other_process_bytes', 'Other processes'], ['outside_bytes', 'Outside the allocator'],
    ['limit_bytes', 'Limit'], ['private_pool_bytes', 'Private pools'],
    ['largest_free_bytes', 'Largest free block']];

function figuresOf(finding) {
    const known = FIGURES.filter(([key]) => finding[key] != null);
    return element('dl', {class: 'figures'}, ...figureList(
        known.map(([key, words]) => [words, formatBytes(finding[key]), exactBytes(finding[key])])));
}

// What was asked for beside what there was, as a bar: the device, or what is known of it.
function stripOf(finding) {
    const {free_bytes: free, allocated_bytes: allocated, unallocated_bytes: kept} = finding;
    const asked = finding.requested_bytes || 0;
    const capacity = finding.capacity_bytes || (asked && attainable(finding));
    if (!capacity || allocated == null) return [];
    const unallocated = kept || 0;
    const rest = free == null ? 0 : Math.max(0, capacity - free - allocated - unallocated);
    const parts = [['allocated', 'allocated', allocated], ['unallocated', 'reserved, unallocated', unallocated],
        ['others', 'others and CUDA', rest], ['free', 'free', free || 0],
        ['requested', 'asked for', asked]].filter(part => part[2] > 0);
    const whole = Math.max(capacity, parts.reduce((sum, part) => sum + part[2], 0));
    const svg = drawn('svg', {class: 'strip', viewBox: '0 0 1000 34', preserveAspectRatio: 'none',
        role: 'img', 'aria-label': parts.map(part => `${part[1]} ${formatBytes(part[2])}`).join(', ')});
    const legend = element('ul', {class: 'legend'});
    let x = 0;
    for (const [kind, words, bytes] of parts) {
        const width = 1000 * bytes / whole;
        const box = drawn('rect', {x, y: 4, width, height: 26, class: 'box', style: colour(kind)});
        box.append(drawn('title', {}, `${words}: ${formatBytes(bytes)}`));
        svg.append(box);
        x += width;
        legend.append(element('li', {}, swatch(kind), `${words} ${formatBytes(bytes)}`));
    }
    const end = 1000 * capacity / whole;
    svg.append(drawn('line', {x1: end, x2: end, y1: 0, y2: 34, class: 'limit'}));
    return [svg, legend];
}

function causesOf(finding) {
    return element('ol', {class: 'causes'}, ...finding.causes.map(cause => {
        const item = element('li', {}, element('b', {}, cause.cause),
            ` ${Math.round(100 * cause.confidence)} %`, element('span', {class: 'help'}, cause.help),
            element('div', {class: 'track'}, element('div', {style: `width: ${100 * cause.confidence}%`})));
        if (cause.evidence) item.append(element('p', {class: 'for'}, cause.evidence));
        if (cause.against) item.append(element('p', {class: 'against'}, cause.against));
        return item;
    }));
}
function refutedOf(finding) {
    if (!finding.refuted.length) return [];
    return [element('h3', {}, 'Rather not'), element('ul', {class: 'causes'}, ...finding.refuted.map(cause =>
        element('li', {}, element('b', {}, cause.cause), ' ', cause.against)))];
}
function fixesOf(finding) {
    return element('ol', {class: 'todo'}, ...finding.fixes.map(fix =>
        element('li', {}, fix.fix, element('p', {}, fix.why))));
}

function titleOf(finding) {
    const failed = !finding.snapshot || finding.requested_bytes != null;
    return (finding.line ? `Line ${finding.line}: ` : '') +
        (finding.masked || (finding.format === 'nvidia-smi' ? 'a table of what is in use, without an error' : failed ? 'out of memory' : finding.untraced ? 'a snapshot without a trace; what was live when it was written' : 'a snapshot without an out-of-memory error; its peak')) +
        (finding.gpu != null ? ` on GPU ${finding.gpu}` : '') + ` (${finding.format})` +
        (finding.repeats ? finding.repeats === 1 ? ', and once more' : `, and ${finding.repeats} times more` : '');
}
function drawFinding(finding) {
    const section = element('section', {class: 'finding'}, element('h2', {}, titleOf(finding)));
    byId('findings').append(section);
    if (finding.user_file)
        section.append(element('p', {class: 'site'}, 'asked for at ',
            ...breakable(`${finding.user_file}:${finding.user_line}` +
                (finding.user_function ? `, in ${finding.user_function}` : ''), '/')));
    if (finding.ranks) section.append(element('p', {class: 'site'}, `the same on ${finding.ranks}`));
    if (finding.user_code) section.append(element('pre', {class: 'site'}, finding.user_code));
    section.append(...stripOf(finding), figuresOf(finding), element('h3', {}, 'Causes, likeliest first'),
        causesOf(finding), ...refutedOf(finding), element('h3', {}, 'What to do, in this order'),
        fixesOf(finding));
    if (finding.snapshot) drawSnapshot(finding, section);
}

function drawExplanation({findings, left_out: leftOut}) {
    const countWords = findings.length === 1 && findings[0].snapshot ? 'A memory snapshot'
        : findings.length === 1 ? 'One out-of-memory error' : `${findings.length} out-of-memory errors`;
    byId('about').textContent = countWords + (leftOut ? `; ${leftOut} before them are left out here` : '');
    byId('findings').replaceChildren();
    for (const finding of findings) drawFinding(finding);
    document.body.dataset.findings = findings.length;
    document.body.dataset.ready = 'yes';
}
