/* Answers in buckets as lines: what is missing stays missing, for no data is not zero. */

import { now } from './api.js';
import { lagOf, rowsOf } from './questions.js';
import { filtersFlows, measure, view } from './state.js';
import { interval, LATE, TOLD_S } from './store.js';

/**
 * The buckets of a window and of the one before it.
 *
 * x        first moments, in seconds since the epoch
 * columns  by name: a value for each bucket, null where there is none; before: of the window before
 * end      place of the newest bucket with data
 * due      place of the first bucket whose data may still be coming
 * missing  buckets before both that have none
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
    const heard = Math.min(to, (view.custom ? now() : to) - patience());
    const late = x.findIndex((at) => at + step > heard);
    const due = Math.max(end + 1, late < 0 ? x.length : late);
    const missing = x.filter((at, i) => i < due && !rows.has(at)).length;
    return { x, columns, before, step, from: to - length, to, end, due, missing };
}

/** Seconds after which a silence is one: flow logs bring a minute, or ten, when it is over. */
function patience() {
    return Math.max(TOLD_S, LATE * interval(), (lagOf('arrive')?.p95_ms || 0) / 1000);
}

/** What is said of buckets without a row: a flow that fits no filter is no silence. */
export const lacking = () =>
    filtersFlows() ? 'without a flow that fits' : 'without data';

const valueOf = (row, name) => (row === undefined || row[name] === null ? null : Number(row[name]));

export const total = (values) => values.reduce((sum, each) => sum + (each || 0), 0);

/** Values without the gaps; two at least, so that a line can be drawn. */
export function drawable(values) {
    const found = values.filter((each) => each !== null);
    return found.length > 1 ? found : [0, 0];
}
