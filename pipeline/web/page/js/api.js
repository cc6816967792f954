/* Asking the server: with ETags, in its own time, and with what went wrong in words. */

/** An answer that did not come. `reached`: whether the server said so itself. */
export class Failure extends Error {
    constructor(path, status, said, request = null) {
        super(said.what);
        Object.assign(this, {
            path,
            status,
            what: said.what,
            where: said.where || '',
            fix: said.fix || '',
            request,
        });
    }

    get reached() {
        return this.status !== 0;
    }

    get details() {
        const request = this.request ? ` (request ${this.request})` : '';
        return `GET ${this.path} ${this.status || 'no answer'}${request}: ${this.what} ${this.where}`.trim();
    }
}

/** The last answer of each place that asks, so that memory does not grow. */
const last = new Map();
let offset = 0;

/** Seconds since the epoch by the server's clock. */
export const now = () => Date.now() / 1000 + offset;

export function setClock(text) {
    offset = Date.parse(text) / 1000 - Date.now() / 1000;
}

export const asked = { count: 0, bytes: 0, seconds: [] };

/**
 * Ask for a path; gives {body, fresh, made}: `fresh` is false where it is the answer of before,
 * `made` is when somebody asked for it, in seconds since the epoch.
 *
 * place   who asks: one answer is kept for each
 * maxAge  seconds that another viewer's answer may be old
 * Throws Failure.
 */
export async function ask(place, path, { maxAge = null, also = [] } = {}) {
    const before = last.get(place),
        same = before?.path === path;
    const headers = {};
    if (maxAge !== null) headers['Cache-Control'] = 'max-age=' + maxAge;
    if (same && before.etag) headers['If-None-Match'] = before.etag;
    let response;
    try {
        response = await fetch(path, {
            headers,
            cache: 'no-store',
            signal: AbortSignal.timeout(40000),
        });
        const made = now() - Number(response.headers.get('age') || 0);
        if (response.status === 304 && same) return { body: before.body, fresh: false, made };
        const body = await bodyOf(path, response, also);
        last.set(place, { path, etag: response.headers.get('etag'), body });
        return { body, fresh: true, made };
    } catch (error) {
        if (error instanceof Failure) throw error;
        throw new Failure(path, 0, {
            what: error.name === 'TimeoutError' ? 'no answer in 40 s' : 'no answer',
        });
    }
}

/** What an answer says. Throws Failure where that is an error, but for the statuses in `also`. */
async function bodyOf(path, response, also = []) {
    const body = await response.json();
    if (response.ok || also.includes(response.status)) return body;
    const said = body.error || { what: 'it says ' + response.status };
    throw new Failure(path, response.status, said, idOf(response));
}

/** What the server's log, or API Gateway's, calls this request. */
const idOf = (response) =>
    response.headers.get('x-request-id') || response.headers.get('apigw-requestid');

/** The answer to what costs at most so many USD. Throws Failure. */
export async function pay(path, usd) {
    const headers = { 'Tailrace-Most-Usd': usd.toFixed(12) };
    try {
        return await bodyOf(path, await fetch(path, { headers, cache: 'no-store' }));
    } catch (error) {
        if (error instanceof Failure) throw error;
        throw new Failure(path, 0, { what: 'no answer' });
    }
}

/** Note what a saved query took, for those who want to know what looking costs. */
export function note(answer) {
    asked.count += 1;
    asked.bytes += answer.bytes_scanned;
    asked.seconds = [...asked.seconds.slice(-99), answer.seconds];
}
