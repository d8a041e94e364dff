// The page's side: takes a text or a file, has it explained in a worker, shows what came back.
const PASTED = 'the pasted text';
let worker = null; // of what is being read

// A worker keeps the page alive while a large file is read. Where a browser starts none from a file
// on disk, the page asks itself.
function startWorker() {
    const source = byId('engine').textContent +
        'onmessage = ({data}) => askSnug(...data).then(postMessage, error => postMessage({failure: String(error)}));';
    const address = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    const started = new Worker(address);
    URL.revokeObjectURL(address);
    return started;
}
function ask(...question) {
    if (worker) worker.terminate();
    worker = null;
    return new Promise((resolve, reject) => {
        const askHere = () => { worker = null; askSnug(...question).then(resolve, reject); };
        try {
            worker = startWorker();
        } catch {
            askHere();
            return;
        }
        worker.onmessage = ({data}) => resolve(data);
        worker.onerror = askHere;
        worker.postMessage(question);
    });
}

function show(state, words, error = '') {
    byId('state').textContent = words;
    byId('error').textContent = error;
    byId('report').hidden = state !== 'explained';
    document.body.dataset.state = state;
}
function showReport(name, {text, data}) {
    const explanation = JSON.parse(data);
    byId('source').textContent = name;
    byId('printed').textContent = text;
    byId('report').hidden = false; // drawings take the width that they find
    drawExplanation(explanation);
    document.title = `${name}: out of memory`;
    show('explained', `Explained: ${name}. The report follows.`);
    byId('source').focus();
    byId('source').scrollIntoView();
}
let questions = 0;
async function explain(blob, name) {
    const question = ++questions;
    hideTip();
    show('reading', `Reading ${name}, ${formatBytes(blob.size)} …`);
    try {
        const answer = await ask(byId('wasm').textContent, blob, name, byId('replay').checked);
        if (question !== questions) return; // something else was opened meanwhile
        if (answer.failure) throw new Error(answer.failure);
        if (answer.error) show('failed', '', answer.error);
        else showReport(name, answer);
    } catch (error) {
        if (question === questions)
            show('failed', '', `This browser could not run snug: ${error.message}`);
    }
}
function explainText() {
    const text = byId('text').value;
    if (text.trim()) explain(new Blob([text]), PASTED);
    else show('failed', '', 'There is no text yet: paste the error into the field above, or open a file.');
}
const explainFile = file => explain(file, file.name);

byId('ask').onsubmit = event => { event.preventDefault(); explainText(); };
byId('text').onkeydown = event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) byId('ask').requestSubmit();
};
byId('file').onchange = ({target}) => {
    if (target.files.length) explainFile(target.files[0]);
    target.value = ''; // the same file may be opened again
};
// Pasting a text outside of the field, or a file anywhere.
addEventListener('paste', event => {
    const {files} = event.clipboardData, text = event.clipboardData.getData('text');
    if (files.length) explainFile(files[0]);
    else if (event.target === byId('text')) return;
    else { byId('text').value = text; explainText(); }
    event.preventDefault();
});
addEventListener('dragover', event => { event.preventDefault(); document.body.classList.add('over'); });
addEventListener('dragleave', event => { if (!event.relatedTarget) document.body.classList.remove('over'); });
addEventListener('drop', event => {
    event.preventDefault();
    document.body.classList.remove('over');
    const {files} = event.dataTransfer, text = event.dataTransfer.getData('text');
    if (files.length) explainFile(files[0]);
    else if (text) { byId('text').value = text; explainText(); }
});
byId('copy').onclick = async ({target}) => {
    const printed = byId('printed');
    getSelection().selectAllChildren(printed);
    try {
        await navigator.clipboard.writeText(printed.textContent);
        target.textContent = 'Copied';
    } catch { // not allowed here: it is selected
        target.textContent = 'Selected: copy it with Ctrl+C';
    }
};
document.body.dataset.state = 'waiting';
