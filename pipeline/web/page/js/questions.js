/* Which saved query each panel asks, and the command that asks the same. Never SQL. */

import { now } from './api.js';
import { iso, visible } from './format.js';
import { filtered, filtersFlows, measure, view } from './state.js';
import { known } from './store.js';

const HOUR = 3600;
/** What the counters answer: windows up to an hour that end now. */
const LIVE = 3600;
const SPANS = [
    ['w', 604800],
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
];
export const TOP = 12;
/** Rows that are asked for, and those where a filter looks for one of them. */
export const ROWS = 100,
    ROWS_TO_FIND = 1000;
/** By ranking: the query that answers it from the tables, and its columns: key, count, and share of
 * the whole where it has one. */
const TABLES = {
    page: { name: 'top_pages', key: 'page', count: 'views', share: 'share' },
    talker: { name: 'top_talkers', key: 'srcaddr', count: 'bytes', share: 'share' },
    rejected_port: { name: 'rejected_ports', key: 'dstport', count: 'attempts' },
    error_path: { name: 'web_errors', key: 'path', count: 'errors' },
};

const word = (seconds) => {
    const [unit, size] = SPANS.find(([, each]) => seconds % each === 0);
    return seconds / size + unit;
};

/** Times of the window in words of a query; `windows`: of so many, the last of them this one. */
function times(windows = 1, most = Infinity) {
    if (!view.custom) return { since: word(Math.min(measure()[0] * windows, most)) };
    const [from, to] = view.custom;
    return { from: iso(Math.max(from - (to - from) * (windows - 1), to - most)), to: iso(to) };
}

/** Filters of flows, as parameters. */
function ofFlows(names = ['source', 'port']) {
    const found = {};
    for (const name of names) if (filtered(name)) found[name] = filtered(name);
    return found;
}

const isLive = () => !view.custom && measure()[0] <= LIVE;

/** Seconds between two questions: a bucket of a week does not change within one. */
export function every() {
    const length = measure()[0];
    return length <= HOUR ? 30 : length <= 6 * HOUR ? 60 : length <= 24 * HOUR ? 120 : 300;
}

/** Whether answers are made on schedule, and all others cost something. */
export const onSchedule = () => Boolean(known.health?.presets);

/** What each panel asks of saved queries, twice the window where it compares. */
export function questions() {
    const [, step] = measure(),
        flows = ofFlows();
    const found = {
        ...ranked(),
        traffic: { name: 'traffic_over_time', params: { bucket: step, ...flows }, ...times(2) },
        intake: { name: 'intake_over_time', params: { bucket: step }, ...times(2) },
        pairs: {
            name: 'top_pairs',
            params: { top: 8, ...flows },
            ...times(),
        },
        ports: portsOrSources(),
        sources: { name: 'source_activity', params: {}, ...times() },
        lag: { name: 'lag_by_stage', params: {}, ...times(1, HOUR) },
        rejects: { name: 'rejects', params: { top: 100 }, ...times() },
    };
    if (filtersFlows()) {
        found.refused = {
            name: 'top_pairs',
            params: { top: 8, action: 'REJECT', ...flows },
            ...times(),
        };
    }
    return found;
}

function ranked() {
    if (rankedLive()) return {};
    if (onSchedule()) return { ranked: tableOf(ROWS) };
    const ranked = tableOf(rankedKey() ? ROWS_TO_FIND : ROWS);
    return { ranked, rankedBefore: { ...tableOf(ROWS_TO_FIND), ...before() } };
}

/** No list is on the page twice: where the ranking shows ports, the panel shows who knocks. */
function portsOrSources() {
    const ports = { name: 'rejected_ports', params: { top: 8, ...ofFlows() }, ...times() };
    if (view.by !== 'rejected_port') return ports;
    return { name: 'rejected_sources', params: { top: 8, ...ofFlows(['port']) }, ...times() };
}

/** Whether the counters can answer the ranking; they know no addresses of a port. */
export function rankedLive() {
    const foreign = { talker: 'port', rejected_port: 'source' }[view.by];
    const counted = known.health?.rankings.includes(view.by) ?? true;
    return counted && isLive() && !(foreign && filtered(foreign));
}

function tableOf(top) {
    const { name } = TABLES[view.by];
    const flows = view.by === 'talker' || view.by === 'rejected_port' ? ofFlows() : {};
    const status = view.by === 'error_path' ? { status_from: 400 } : {};
    return { name, params: { top, ...flows, ...status }, ...times() };
}

/** The window before, at whole minutes: so that all who look ask the same. */
function before() {
    const [length] = measure(),
        end = view.custom ? view.custom[1] : Math.floor(now() / 60) * 60;
    return { since: undefined, from: iso(end - 2 * length), to: iso(end - length) };
}

/** The path of the live ranking. */
export function rankingPath() {
    const k = rankedKey() ? ROWS_TO_FIND : ROWS;
    const said = new URLSearchParams({ by: view.by, window: measure()[0] / 60 + 'm', k });
    if (view.by === 'page') {
        said.set('bots', 'false');
        said.set('assets', 'false');
    }
    return '/v1/ranking?' + said;
}

/** The path of the last ten minutes of each rejected port; null where the counters cannot tell. */
export function trendsPath() {
    const counted = known.health?.rankings.includes('rejected_port');
    if (!counted || !isLive() || view.by === 'rejected_port' || filtered('source')) return null;
    return `/v1/ranking?by=rejected_port&window=10m&k=${ROWS}`;
}

/** The key that a filter leaves of the ranking; undefined: all. */
export function rankedKey() {
    return filtered(
        { page: 'page', error_path: 'page', talker: 'source', rejected_port: 'port' }[view.by],
    );
}

/**
 * Rows of a table as a ranking has them, with the ranks of the window before.
 *
 * total  of the whole; of these rows where `cut`: there are more, and nobody said how many
 */
export function rankedByTable(answer, previous) {
    const { key, count, share } = TABLES[view.by],
        wanted = rankedKey();
    const places = new Map(
        (previous ? counted(previous, key, count, share) : []).map((each) => [each.key, each.rank]),
    );
    const all = counted(answer, key, count, share),
        sum = all.reduce((found, each) => found + each.count, 0),
        full = answer.rows.length >= (wanted && !onSchedule() ? ROWS_TO_FIND : ROWS),
        cut = full && !all[0]?.share;
    const total = full && !cut ? Math.round(all[0].count / all[0].share) : sum;
    const items = all.map((each) => ({
        ...each,
        title: null,
        trend: null,
        share: cut ? null : each.count / (total || 1),
        previous_rank: places.get(each.key) ?? null,
    }));
    return { items: wanted ? items.filter((each) => each.key === wanted) : items, total, cut, full };
}

function counted(answer, key, count, share) {
    const sums = new Map(),
        shares = new Map();
    for (const row of rowsOf(answer)) {
        const name = String(row[key] ?? '–');
        sums.set(name, (sums.get(name) || 0) + Number(row[count]));
        if (share) shares.set(name, (shares.get(name) || 0) + Number(row[share] || 0));
    }
    const all = [...sums].map(([name, sum]) => ({
        key: name,
        count: sum,
        share: shares.get(name),
    }));
    all.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
    all.forEach((each, i) => {
        each.rank = i && all[i - 1].count === each.count ? all[i - 1].rank : i + 1;
    });
    return all;
}

/** Rows of an answer as objects. */
export const rowsOf = (answer) =>
    answer.rows.map((row) =>
        Object.fromEntries(answer.columns.map((column, i) => [column.name, row[i]])),
    );

/** The lag of a stage of the pipeline; undefined: not known. */
export const lagOf = (stage) =>
    known.answers.lag && rowsOf(known.answers.lag).find((each) => each.stage === stage);

/** What SQL, CSV and the command of a panel are about. */
export function questionOf(panel) {
    const all = questions();
    // What is there already costs nothing: of the ranking more rows, of what is drawn two windows.
    if (onSchedule() && panel === 'ranking') return tableOf(ROWS);
    if (onSchedule()) return { ...all, talkers: all.pairs, pipeline: all.intake }[panel];
    if (panel === 'ranking') return tableOf(20);
    if (panel === 'traffic') return { ...all.traffic, ...once() };
    if (panel === 'talkers') return all.pairs;
    if (panel === 'ports') return all.ports;
    return { ...all.intake, ...once() };
}

const once = () => ({ since: undefined, from: undefined, to: undefined, ...times() });

export function pathOf(question, more = {}) {
    const said = new URLSearchParams();
    for (const name of ['since', 'from', 'to']) if (question[name]) said.set(name, question[name]);
    for (const [name, value] of Object.entries({ ...question.params, ...more }))
        said.set(name, value);
    return `/v1/queries/${question.name}?${said}`;
}

/** Times of a question; of a page that is paused those that it shows. */
function standing({ since, from, to }) {
    if (view.live || !since || !known.asOf) return { since, from, to };
    const end = Math.floor(known.asOf);
    return { from: iso(end - measure()[0]), to: iso(end) };
}

/** The command line that prints the same rows. */
export function commandOf(question) {
    const words = ['tailrace', 'query', question.name];
    for (const [name, value] of Object.entries(standing(question)))
        if (value) words.push('--' + name, value);
    for (const [name, value] of Object.entries(question.params))
        words.push('-p', quoted(`${name}=${value}`));
    if (known.health?.stage) words.push('--stage', known.health.stage);
    return words.join(' ');
}

/** As a shell takes it: a value may be text of a log, and what is pasted must hold no control character. */
function quoted(text) {
    if (/^[\w=.:/-]+$/.test(text)) return text;
    const plain = text.replaceAll('\\', '\\\\');
    if (visible(plain) !== plain) return `$'${visible(plain).replaceAll("'", "\\'")}'`;
    return `'${text.replaceAll("'", "'\\''")}'`;
}
