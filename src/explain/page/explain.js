'use strict';
// Draws the findings that the element #data holds. Bytes are exact integers throughout; every text
// enters the page as text, never as markup.
(() => {
const findings = JSON.parse(document.getElementById('data').textContent);

function formatBytes(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
    return (unit ? bytes.toFixed(2) : bytes) + ' ' + units[unit];
}
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

const FIGURES = [
    ['requested_bytes', 'Requested'], ['capacity_bytes', 'Capacity'], ['free_bytes', 'Free'],
    ['allocated_bytes', 'Allocated'], ['reserved_bytes', 'Reserved'],
    ['unallocated_bytes', 'Reserved, unallocated'], ['process_bytes', 'This process'],
    ['other_process_bytes', 'Other processes'], ['outside_bytes', 'Outside the allocator'],
    ['limit_bytes', 'Limit'], ['private_pool_bytes', 'Private pools'],
    ['largest_free_bytes', 'Largest free block']];

function figuresOf(finding) {
    const list = element('dl', {class: 'figures'});
    for (const [key, words] of FIGURES)
        if (finding[key] != null)
            list.append(element('div', {}, element('dt', {}, words),
                element('dd', {}, formatBytes(finding[key]),
                    element('small', {}, finding[key].toLocaleString('en') + ' bytes'))));
    return list;
}

// The device as a bar, what each part of it is, and the request beside it.
function stripOf(finding) {
    const {capacity_bytes: capacity, free_bytes: free, allocated_bytes: allocated} = finding;
    if (!capacity || allocated == null) return [];
    const unallocated = finding.unallocated_bytes || 0;
    const rest = free == null ? 0 : Math.max(0, capacity - free - allocated - unallocated);
    const parts = [['activations', 'allocated', allocated], ['input', 'reserved, unallocated', unallocated],
        ['workspace', 'others and CUDA', rest], ['free', 'free', free || 0],
        ['gradients', 'requested', finding.requested_bytes || 0]].filter(p => p[2] > 0);
    const whole = Math.max(capacity, parts.reduce((sum, p) => sum + p[2], 0));
    const svg = drawn('svg', {class: 'strip', viewBox: '0 0 1000 34', preserveAspectRatio: 'none',
        role: 'img', 'aria-label': parts.map(p => `${p[1]} ${formatBytes(p[2])}`).join(', ')});
    const key = element('ul', {class: 'key'});
    const colour = kind => kind === 'free' ? '--kind: var(--line)' : `--kind: var(--${kind})`;
    let x = 0;
    for (const [kind, words, bytes] of parts) {
        const width = 1000 * bytes / whole;
        const box = drawn('rect', {x, y: 4, width, height: 26, class: 'box edged', style: colour(kind)});
        box.append(drawn('title', {}, `${words}: ${formatBytes(bytes)}`));
        box.dataset.bytes = bytes;
        svg.append(box);
        x += width;
        key.append(element('li', {}, element('span', {class: 'swatch', style: colour(kind)}),
            `${words} ${formatBytes(bytes)}`));
    }
    const end = 1000 * capacity / whole;
    svg.append(drawn('line', {x1: end, x2: end, y1: 0, y2: 34, class: 'limit'}));
    return [svg, key];
}

function causesOf(finding) {
    const list = element('ol', {class: 'causes'});
    for (const cause of finding.causes) {
        const item = element('li', {}, element('b', {}, cause.cause),
            ` ${Math.round(100 * cause.confidence)} %`,
            element('div', {class: 'bar', style: `width: ${100 * cause.confidence}%`}));
        if (cause.evidence) item.append(element('p', {class: 'for'}, cause.evidence));
        if (cause.against) item.append(element('p', {class: 'against'}, cause.against));
        list.append(item);
    }
    return list;
}

function fixesOf(finding) {
    return element('ol', {class: 'todo'}, ...finding.fixes.map(f =>
        element('li', {}, f.fix, element('p', {}, f.why))));
}

function refutedOf(finding) {
    if (!finding.refuted.length) return [];
    return [element('h3', {}, 'Rather not'), element('ul', {class: 'causes'}, ...finding.refuted.map(c =>
        element('li', {}, element('b', {}, c.cause), ' ', c.against)))];
}

function draw(finding) {
    const where = (finding.line ? `Line ${finding.line}: ` : '') + (finding.masked || 'out of memory') +
        (finding.gpu != null ? ` on GPU ${finding.gpu}` : '') + ` (${finding.format})` +
        (finding.repeats ? `, and ${finding.repeats} times more` : '');
    const section = element('section', {class: 'finding'}, element('h2', {}, where));
    if (finding.user_file)
        section.append(element('p', {class: 'site'}, `${finding.user_file}:${finding.user_line}`));
    section.append(...stripOf(finding), figuresOf(finding), element('h3', {}, 'Causes, likeliest first'),
        causesOf(finding), ...refutedOf(finding), element('h3', {}, 'What to do, in this order'),
        fixesOf(finding));
    return section;
}

const main = document.getElementById('findings');
document.getElementById('about').textContent = findings.length === 1 ? 'One out-of-memory error'
    : `${findings.length} out-of-memory errors`;
for (const finding of findings) main.append(draw(finding));
document.body.dataset.findings = findings.length;
})();
