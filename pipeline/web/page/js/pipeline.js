/* Can it be believed? Stages, the books of the window, what was refused and why. */

import { asked, now } from './api.js';
import { $, bar, h, heads, icon, s } from './dom.js';
import { copy, openRejects } from './dialogs.js';
import { MINUS, wait, whole } from './format.js';
import { rowsOf } from './questions.js';
import { seriesOf, total } from './series.js';
import { measure, view } from './state.js';
import { queryFailed } from './states.js';
import { known } from './store.js';

const MOST_REASONS = 6;
const ofStage = () => (known.health?.stage ? ` --stage ${known.health.stage}` : '');

/** Whole hours, and one more: what comes within an hour is still on its way. */
function audit() {
    const from = view.custom ? now() - view.custom[0] : measure()[0];
    return `tailrace audit --since ${Math.ceil(from / 3600) + 1}h` + ofStage();
}

export function pipeline() {
    const books = booksOf(known.answers.intake);
    $('#pipe-sub').textContent = known.health?.stage ? 'stages of the stack' : 'stages of one process';
    stages(books);
    ledger(books);
    rejects();
}

function booksOf(answer) {
    const names = ['events_in', 'rows', 'rejected', 'dropped', 'unaccounted'];
    if (!answer) return null;
    const { columns } = seriesOf(answer, names);
    return Object.fromEntries(names.map((name) => [name, total(columns[name])]));
}

function quantile(values, share) {
    const sorted = [...values].sort((one, other) => one - other);
    return sorted.length
        ? 1000 * sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
        : null;
}

function stages(books) {
    const failed = known.errors.lag && !known.answers.lag;
    if (failed) return void $('#stages').replaceChildren(queryFailed(known.errors.lag));
    const found = Object.fromEntries(
        (known.answers.lag ? rowsOf(known.answers.lag) : []).map((row) => [row.stage, row]),
    );
    const looked = { p50_ms: quantile(asked.seconds, 0.5), p95_ms: quantile(asked.seconds, 0.95) };
    const rows = [
        ['Arrive', 'event to stream', books?.events_in, books?.events_in, found.arrive],
        ['Land', 'parse, Parquet', books?.events_in, books?.rows, found.land],
        ['Query', 'rows to this page', books?.rows, books?.rows, looked],
    ];
    const longest = rows.reduce((sum, row) => sum + (row[4]?.p95_ms || 0), 0) || 1;
    let from = 0;
    const body = rows.map(([name, what, into, out, lag]) => {
        const start = from;
        from += lag?.p95_ms || 0;
        return stageRow(
            name,
            what,
            [into, out],
            lag,
            (ms) => ((100 * ms) / longest).toFixed(2) + '%',
            start,
        );
    });
    $('#stages').replaceChildren(
        h(
            'table',
            { class: 'tbl st' },
            h('caption', { class: 'vh', text: 'Lag and rows by stage' }),
            heads(
                ['', 'Stage'],
                ['c-in num', 'In'],
                ['c-out num', 'Out'],
                ['c-p num', 'p50'],
                ['c-p num', 'p95'],
                ['c-lag lag', 'Lag: solid p50, faint p95'],
            ),
            h('tbody', {}, body),
            altogether(found.all),
        ),
    );
}

function stageRow(name, what, counts, lag, place, start) {
    const [p50, p95] = [lag?.p50_ms ?? null, lag?.p95_ms ?? null];
    const part = (kind, width) =>
        s('rect', { class: kind, x: place(start), width: place(width), y: 3, height: 10, rx: 2 });
    return h(
        'tr',
        {},
        h('td', {}, name, h('span', { class: 'mute', text: what })),
        counts.map((count) =>
            h('td', { class: 'num', text: count === undefined ? '–' : whole(count) }),
        ),
        h('td', { class: 'num mute', text: wait(p50) }),
        h('td', { class: 'num', text: wait(p95) }),
        h(
            'td',
            { class: 'lag' },
            s(
                'svg',
                { class: 'wf', 'aria-hidden': 'true' },
                s('line', { class: 'rail', x1: 0, x2: '100%', y1: 8, y2: 8 }),
                p95 === null ? null : [part('p95', p95), part('p50', p50)],
            ),
        ),
    );
}

function altogether(row) {
    return h(
        'tfoot',
        {},
        h(
            'tr',
            {},
            h('td', {}, 'Event to lake'),
            h('td'),
            h('td'),
            h('td', { class: 'num', text: wait(row?.p50_ms) }),
            h('td', { class: 'num' }, h('b', { text: wait(row?.p95_ms) })),
            h('td', {
                class: 'lag mute',
                title: 'The tail of the whole is not the sum of the tails.',
                text: row ? 'of whole events' : '',
            }),
        ),
    );
}

function ledger(books) {
    const failed = known.errors.intake && !known.answers.intake;
    if (failed) return void $('#ledger').replaceChildren(queryFailed(known.errors.intake));
    const off = books?.unaccounted || 0,
        none = !books?.events_in;
    const line = (sign, name, count, kind = '', more = '') => [
        h(
            'dt',
            { class: kind },
            h('span', { class: 'op', text: sign }),
            name,
            more && h('span', { class: 'mute', text: more }),
        ),
        h('dd', { class: kind, text: books ? whole(count) : '–' }),
    ];
    $('#ledger').replaceChildren(
        h(
            'div',
            { class: 'led' },
            h('h3', { text: 'Audit of this window, by arrival' }),
            h(
                'dl',
                {},
                line('', 'Events in', books?.events_in, 'in'),
                line(MINUS, 'Rows', books?.rows),
                line(MINUS, 'Rejected', books?.rejected),
                line(MINUS, 'Dropped', books?.dropped, '', 'headers, control'),
                line('=', 'Unaccounted', off, 'sum' + (off ? ' no' : '')),
            ),
            h(
                'span',
                { class: 'verdict' + (off ? ' no' : books ? '' : ' off') },
                books && icon(off ? 'x' : 'check'),
                off ? 'Not balanced' : !books ? 'Asking' : none ? 'Balanced: nothing in' : 'Balanced',
            ),
            h('p', {
                class: 'aside',
                text: off
                    ? 'Run tailrace audit: it names the place.'
                    : 'The sums of the ledger; tailrace audit also opens every file.',
            }),
            h(
                'p',
                { class: 'links' },
                h('button', {
                    type: 'button',
                    text: 'Copy audit command',
                    onclick: (event) => copy(audit(), event.currentTarget),
                }),
            ),
        ),
    );
}

function rejects() {
    const answer = known.answers.rejects;
    if (!answer && known.errors.rejects)
        return void $('#rejects').replaceChildren(queryFailed(known.errors.rejects));
    const sums = new Map();
    for (const row of answer ? rowsOf(answer) : [])
        sums.set(row.reason, (sums.get(row.reason) || 0) + row.lines);
    const ordered = [...sums].sort((one, other) => other[1] - one[1]);
    if (!ordered.length) {
        return void $('#rejects').replaceChildren(
            h('h3', { text: 'Rejects by reason' }),
            h('p', { class: 'mute', text: answer ? 'No rejects.' : '' }),
        );
    }
    const all = total([...sums.values()]);
    $('#rejects').replaceChildren(
        h(
            'table',
            { class: 'tbl rj' },
            h('caption', { class: 'vh', text: 'Rejects by reason' }),
            heads(['', 'Reject reason'], ['c-n num', 'Lines']),
            h(
                'tbody',
                {},
                ordered
                    .slice(0, MOST_REASONS)
                    .map(([reason, lines]) =>
                        h(
                            'tr',
                            {},
                            h(
                                'td',
                                {},
                                h(
                                    'div',
                                    { class: 'cell' },
                                    bar(lines / ordered[0][1], true),
                                    h('code', { text: reason }),
                                ),
                            ),
                            h('td', { class: 'num', text: whole(lines) }),
                        ),
                    ),
            ),
        ),
        h(
            'p',
            { class: 'links' },
            h('button', {
                type: 'button',
                'aria-haspopup': 'dialog',
                text: `Open the quarantine: ${whole(all)} ${all === 1 ? 'line' : 'lines'}`,
                onclick: () => openRejects(rowsOf(answer)),
            }),
            h('button', {
                type: 'button',
                text: 'Copy replay command',
                onclick: (event) =>
                    copy('tailrace replay --quarantine --dry-run' + ofStage(), event.currentTarget),
            }),
        ),
    );
}
