'use strict';
// snug's C in WebAssembly, asked once. This text is the page's and its worker's.
// |binary|: base64. |file|: a Blob. Gives {text, data} or {error}.
async function askSnug(binary, file, name, whatIf) {
    const bytes = Uint8Array.from(atob(binary), character => character.charCodeAt(0));
    const stop = () => { throw new Error('snug gave up'); };
    // What the C library would like of a system: nothing is printed, and growth needs no answer.
    const system = {fd_write: () => 0, fd_close: () => 0, fd_seek: () => 0, proc_exit: stop};
    const nothing = new Proxy({}, {get: () => () => 0, has: () => true});
    const {instance} = await WebAssembly.instantiate(bytes, {env: nothing, wasi_snapshot_preview1: system});
    const {memory, _initialize, snug_web_allocate: allocate, snug_web_explain: explain} = instance.exports;
    _initialize();

    // Addresses above 2 GiB come as negative numbers.
    const take = length => {
        const at = length < 2 ** 32 ? allocate(length) >>> 0 : 0;
        if (!at) throw new Error('no memory');
        return at;
    };
    const textAt = at => {
        if (!at) return null;
        const heap = new Uint8Array(memory.buffer);
        return new TextDecoder().decode(heap.subarray(at, heap.indexOf(0, at)));
    };
    try {
        const called = new TextEncoder().encode(name + '\0');
        const nameAt = take(called.length), at = take(file.size + 1), answer = take(12);
        new Uint8Array(memory.buffer).set(called, nameAt);
        const PART = 2 ** 24; // so that the file is in memory once
        for (let from = 0; from < file.size; from += PART)
            new Uint8Array(memory.buffer).set(
                new Uint8Array(await file.slice(from, from + PART).arrayBuffer()), at + from);
        explain(at, file.size, nameAt, whatIf, answer);
        const [text, data, error] = new Uint32Array(memory.buffer, answer, 3);
        return {text: textAt(text), data: textAt(data), error: textAt(error)};
    } catch (error) {
        if (error instanceof DOMException) // a folder, or a file that is gone
            return {error: `cannot read '${name}': ${error.message}`};
        if (error.message === 'no memory' || error instanceof RangeError)
            return {error: `'${name}' is more than a browser gives memory for; the command reads it: snug explain FILE`};
        throw error;
    }
}
