/* Answers in buckets as lines: what is missing stays missing, for no data is not zero. */

import { rowsOf } from './questions.js';
import { measure } from './state.js';

/**
 * The buckets of a window and of the one before it.
 *
 * x        first moments, in seconds since the epoch
 * columns  by name: a value for each bucket, null where there is none; before: of the window before
 * missing  buckets without data, up to the newest one with data; `end` is its place
 */
export function seriesOf(answer, names) {
    const [length, step] = measure(),
        to = Date.parse(answer.to) / 1000;
    const rows = new Map(rowsOf(answer).map((row) => [Date.parse(row.bucket_start) / 1000, row]));
    const x = [];
    for (let at = Math.floor((to - length) / step) * step; at < to; at += step) x.push(at);
    const shift = Math.round(length / step) * step;
    const columns = {},
        before = {};
    for (const name of names) {
        columns[name] = x.map((at) => valueOf(rows.get(at), name));
        before[name] = x.map((at) => valueOf(rows.get(at - shift), name));
    }
    const end = x.findLastIndex((at) => rows.has(at));
    const missing = x.filter((at, i) => i < end && !rows.has(at)).length;
    return { x, columns, before, step, from: to - length, to, end, missing };
}

const valueOf = (row, name) => (row === undefined || row[name] === null ? null : Number(row[name]));

export const total = (values) => values.reduce((sum, each) => sum + (each || 0), 0);

/** Values without the gaps; two at least, so that a line can be drawn. */
export function drawable(values) {
    const found = values.filter((each) => each !== null);
    return found.length > 1 ? found : [0, 0];
}
