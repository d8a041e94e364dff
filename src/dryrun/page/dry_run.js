// Draws the dry run that the element #data holds; its recording as `snug explain` draws one.
const {run, recording} = readData();
const report = byId('report');
const place = of => of.file ? `${of.file}:${of.line}` : 'no line of yours';

function section(title, ...content) {
    const made = element('section', {class: 'finding'}, element('h2', {}, title), ...content);
    report.append(made);
    return made;
}
function table(heads, numeric, rows) {
    const row = cells => element('tr', {}, ...cells.map((cell, i) =>
        element('td', {class: numeric.includes(i) ? 'number' : ''}, cell)));
    return element('div', {class: 'scroll'}, element('table', {}, tableHead(heads, numeric),
        element('tbody', {}, ...rows.map(row))));
}

const VERDICTS = {fits: 'It fits', 'does-not-fit': 'It does not fit', failed: 'The program failed by itself',
                  cannot: 'It cannot be run dry', interrupted: 'Interrupted'};
function drawVerdict() {
    const made = section(VERDICTS[run.outcome]);
    const figures = [['Allocated by tensors', run.allocated_peak_bytes], ['Reserved by PyTorch', run.reserved_peak_bytes],
        ["With CUDA's context", run.used_peak_bytes], ['The card has', run.card_bytes],
        ['Runs in', run.smallest_memory_bytes]].filter(figure => figure[1]);
    made.append(element('dl', {class: 'figures'}, ...figureList(
        figures.map(([words, bytes]) => [words, formatBytes(bytes), exactBytes(bytes)]))));
    if (run.handled_out_of_memory)
        made.append(element('p', {}, `It ran out of memory ${run.handled_out_of_memory} times, handled that itself and went on.`));
    if (run.error) made.append(element('pre', {class: 'site'}, `${run.error.type}: ${run.error.message}`));
}
function drawPeak() {
    const peak = run.peak;
    if (!peak) return;
    const words = `${peak.step ? `Step ${peak.step}, ` : ''}${peak.phase}, ${place(peak)}`;
    section('The peak', element('p', {}, words), table(['Kind', 'Bytes', 'Line'], [1],
        peak.lines.map(line => [line.kind, formatBytes(line.bytes), place(line)])));
}
function drawWhy() {
    const why = run.explanation;
    if (!why) return;
    section('Why, and what to try',
        element('ol', {class: 'causes'}, ...why.causes.map(cause => element('li', {}, element('b', {}, cause.cause),
            ` ${Math.round(100 * cause.confidence)} %`, element('p', {class: 'for'}, cause.evidence)))),
        element('ol', {class: 'todo'}, ...why.fixes.map(fix => element('li', {}, fix.fix, element('p', {}, fix.why)))));
}
function drawRanks() {
    if (run.ranks.length < 2) return;
    section('Ranks, the most first', table(['Rank', 'GPU', 'Allocated', 'Reserved', 'With context', ''], [0, 1, 2, 3, 4],
        run.ranks.map(rank => [rank.rank < 0 ? `process ${rank.pid}` : `${rank.rank}`, `${rank.device}`,
            formatBytes(rank.allocated_peak_bytes), formatBytes(rank.reserved_peak_bytes),
            formatBytes(rank.used_peak_bytes), rank.fits ? '' : 'does not fit'])));
}
function drawCards() {
    if (!run.cards.length) return;
    const words = {fits: 'fits', tight: 'tight', 'does-not': 'does not'};
    section('Cards', element('p', {}, "By replaying the recording in each one's memory: predicted."),
        table(['Card', 'Memory', 'Needed', ''], [1, 2], run.cards.map(card => [card.gpu,
            formatBytes(card.card_bytes), formatBytes(card.needed_bytes), words[card.verdict]])));
    if (run.settings.length)
        section('Settings of the allocator worth trying', table(['PYTORCH_CUDA_ALLOC_CONF', 'PyTorch needs'], [1],
            run.settings.map(setting => [setting.settings, formatBytes(setting.reserved_bytes)])));
}
function drawUnknown() {
    const unknown = run.unknown;
    if (!unknown) return;
    const lines = [
        ...unknown.workspaces.map(of => `Workspace by a model: ${of.what}, ${of.calls} calls, at most ${formatBytes(of.largest_bytes)}`),
        ...unknown.reads.map(read => `${read.operation || 'a copy'} at ${read.place || 'somewhere'} read numbers that were ` +
            `${read.dropped ? 'not kept' : 'never computed'}, ${read.count} times`),
        ...(unknown.returned.length ? ['Functions that only returned: ' + unknown.returned.map(of => of.name).join(', ')] : []),
        ...unknown.notes, ...unknown.problems];
    if (lines.length) section('What the dry run could not know', element('ul', {}, ...lines.map(line => element('li', {}, line))));
}

byId('about').textContent = `Dry run on ${run.gpu || (run.card_bytes ? 'a card of ' + formatBytes(run.card_bytes) : 'a card with all the memory it likes')}` +
    `; ${plural(run.steps, 'step')}` + (run.pytorch ? `; PyTorch ${run.pytorch}` : '');
drawVerdict();
drawPeak();
drawWhy();
drawRanks();
drawCards();
drawUnknown();
if (recording.snapshot) drawSnapshot(recording, section('The recording'));
document.body.dataset.ready = 'yes';
