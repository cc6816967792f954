/* The live ranking: rows slide to their new places, but never under the hand. */

import { $, bar, h, heads, icon, skeleton, spark, vh } from './dom.js';
import { bytes, clock, percent, shown, span, whole } from './format.js';
import { commandsOf, nothing, queryFailed, takesIn } from './states.js';
import {
    onSchedule,
    rankedByTable,
    rankedKey,
    rankedLive,
    ROWS,
    ROWS_TO_FIND,
    TOP,
} from './questions.js';
import { measure, view } from './state.js';
import { isEmpty, known } from './store.js';

/** By ranking: tab, head of the key, head of the count, what is counted, the dimension it filters. */
export const BY = {
    page: ['Pages', 'Page', 'Views', 'views', 'page'],
    talker: ['Talkers', 'Source address', 'Bytes', 'bytes', 'source'],
    rejected_port: ['Rejected ports', 'Destination port', 'Attempts', 'attempts', 'port'],
    error_path: ['Failing paths', 'Path', 'Responses', 'responses of 400 and more', 'page'],
};
const COLUMNS = ['mark', 'mark', '', 'trend', 'num', 'num share'];
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const SLIDE = { duration: 420, easing: 'cubic-bezier(.2,.7,.2,1)' };

/** Draw it; `slide`: rows that moved go to their places. Gives how many moved. */
export function ranking(drill, slide = false) {
    const box = $('#rank-panel'),
        found = current();
    const focus = document.activeElement?.closest?.('#rank-panel tr')?.dataset.key;
    if (!found) return void waits(box);
    const wanted = view.find.toLowerCase();
    const matching = found.items.filter(
        (each) => !wanted || shown(each.key).toLowerCase().includes(wanted),
    );
    if (!matching.length) return void none(box, found);
    const old = $('tbody', box),
        same = old?.dataset.by === view.by;
    const rows = matching.slice(0, TOP),
        held = view.hold && same && slide;
    if (held) keepOrder(rows, old);
    const places = new Map(
        same ? [...old.rows].map((row) => [row.dataset.key, row.getBoundingClientRect().top]) : [],
    );
    const body = h(
        'tbody',
        { 'data-by': view.by },
        rows.map((each) => rowOf(each, found.items, drill)),
    );
    box.replaceChildren(tableOf(body, found.live));
    if (focus !== undefined)
        rowOfKey(body, focus)?.querySelector('.key').focus({ preventScroll: true });
    foot(found, rows, matching, held);
    return slide ? slideRows(body, places) : 0;
}

const rowOfKey = (body, key) => [...body.rows].find((row) => row.dataset.key === key);

/** The rows as they are now, from the counters or from the tables; null: not yet. */
function current() {
    if (rankedLive()) {
        if (!known.ranking || known.ranking.by !== view.by) return null;
        const key = rankedKey(),
            items = known.ranking.items;
        const { from, to } = known.ranking.window;
        return {
            items: key ? items.filter((each) => each.key === key) : items,
            total: known.ranking.total,
            cut: false,
            full: items.length >= (key ? ROWS_TO_FIND : ROWS),
            live: true,
            from: Date.parse(from) / 1000,
            to: Date.parse(to) / 1000,
        };
    }
    const { ranked, rankedBefore } = known.answers;
    if (!ranked || (!rankedBefore && !onSchedule())) return null;
    const to = Date.parse(ranked.to) / 1000;
    return { ...rankedByTable(ranked, rankedBefore), live: false, from: to - measure()[0], to };
}

function waits(box) {
    const failed = rankedLive()
        ? known.errors.ranking
        : known.errors.ranked || known.errors.rankedBefore;
    if (failed) {
        box.replaceChildren(queryFailed(failed));
    } else {
        box.replaceChildren(tableOf(h('tbody', {}, skeleton(TOP, COLUMNS)), rankedLive()));
    }
    $('#rank-foot').textContent = failed ? '' : 'Asking';
}

function none(box, found) {
    $('#rank-foot').textContent = 'Each event counts once.';
    if (isEmpty()) {
        const text = takesIn()
            ? `Tailrace is listening on ${location.host}. Send it something of yours; the first rows show up here within seconds. The demo makes traffic up, on a page of its own.`
            : 'This page only reads. What brings rows in is named below; they show up here within seconds.';
        box.replaceChildren(nothing('Nothing has arrived yet', text, commandsOf()));
    } else if (view.find || view.filters.length) {
        const key = view.find || shown(view.filters.at(-1).key);
        const among = found.full ? `first ${rankedKey() && !onSchedule() ? ROWS_TO_FIND : ROWS} keys` : 'keys';
        box.replaceChildren(
            nothing(
                'No row matches',
                `None of the ${among} of this window is \u201c${key}\u201d. Clear the filter or widen the range.`,
            ),
        );
    } else {
        box.replaceChildren(
            nothing(
                'Nothing in this window',
                `Widen the range, or look at another ranking.${view.by === 'page' && found.live ? ' Views by programs, and of what belongs to a page, are not among these.' : ''}`,
            ),
        );
    }
}

function keepOrder(rows, old) {
    const place = new Map([...old.rows].map((row, i) => [row.dataset.key, i]));
    rows.sort((a, b) => (place.get(a.key) ?? 99) - (place.get(b.key) ?? 99));
}

function tableOf(body, live) {
    const [tab, key, count, unit] = BY[view.by];
    return h(
        'table',
        { class: 'tbl rk' + (live ? '' : ' no-trend') },
        h('caption', { class: 'vh', text: `${tab}, ranked by ${unit}` }),
        heads(
            ['c-rank', '#'],
            ['c-move', 'Move'],
            ['', key],
            ['c-trend trend', live ? 'Last 10 min' : ''],
            ['c-count num', count],
            ['c-share num share', 'Share'],
        ),
        body,
    );
}

function rowOf(each, all, drill) {
    const bad = view.by === 'rejected_port' || view.by === 'error_path',
        dimension = BY[view.by][4];
    const tie = all.filter((other) => other.rank === each.rank).length > 1;
    // Flow logs write port 0 for what has none.
    const tag = view.by === 'rejected_port' && each.key === '0' ? 'none, as with ICMP' : shown(each.title || '');
    const chosen = rankedKey() === each.key,
        key = shown(each.key),
        compared = all.some((other) => other.previous_rank !== null);
    return h(
        'tr',
        { 'data-key': each.key, class: (each.rank <= 3 ? 'lead ' : '') + (chosen ? 'sel' : '') },
        h('td', {}, each.rank + (tie ? '=' : '')),
        h('td', {}, compared && moved(each, bad)),
        h(
            'td',
            {},
            h(
                'div',
                { class: 'cell' },
                bar(each.count / (all[0]?.count || 1), bad),
                h('button', {
                    class: 'key',
                    type: 'button',
                    title: key,
                    text: key || '(empty)',
                    'aria-pressed': String(chosen),
                    onclick: () => drill(dimension, each.key),
                }),
                tag && h('span', { class: 'tag', title: tag, text: tag }),
            ),
        ),
        h(
            'td',
            { class: 'trend' },
            each.trend && spark(each.trend, { width: 76, kind: bad ? 'rej' : '', open: true }),
        ),
        h('td', {
            class: 'num',
            text: view.by === 'talker' ? bytes(each.count) : whole(each.count),
        }),
        h('td', { class: 'num share', text: each.share === null ? '–' : percent(each.share) }),
    );
}

function moved(each, bad) {
    const was = each.previous_rank,
        kind = bad ? ' bad' : '';
    if (was === null) return h('span', { class: 'mv new' + kind, text: 'new' });
    const places = was - each.rank;
    if (!places)
        return h(
            'span',
            { class: 'mv same' },
            h('span', { 'aria-hidden': 'true', text: '–' }),
            vh('same rank'),
        );
    const up = places > 0;
    return h(
        'span',
        { class: `mv ${up ? 'up' : 'down'}${kind}` },
        icon(up ? 'up' : 'down'),
        h('span', { text: Math.abs(places) }),
        vh(`${Math.abs(places) === 1 ? 'place' : 'places'} ${up ? 'up' : 'down'}, was ${was}`),
    );
}

function slideRows(body, places) {
    let count = 0;
    for (const row of body.rows) {
        const old = places.get(row.dataset.key);
        const by = old === undefined ? 0 : old - row.getBoundingClientRect().top;
        if (Math.abs(by) < 2) continue;
        count++;
        if (by > 0) row.classList.add('rise');
        if (!calm.matches)
            row.animate([{ transform: `translateY(${by}px)` }, { transform: 'none' }], SLIDE);
        else if (by > 0) row.classList.add('mark');
    }
    return count;
}

function foot(found, rows, matching, held) {
    const unit = BY[view.by][3],
        sum = view.by === 'talker' ? bytes(found.total) : `${whole(found.total)} ${unit}`;
    const more =
        matching.length > rows.length
            ? ` of ${matching.length}${found.full ? ' or more' : ''}`
            : '';
    const length = found.to - found.from;
    const before =
        length <= 3600
            ? `${clock(found.from - length, false)} – ${clock(found.from, false)}`
            : span(found.from - length, found.from);
    const told = [
        h('span', { text: `${rows.length}${more} · ${sum}${found.cut ? ' in these' : ''}` }),
        view.by === 'talker' &&
            found.live &&
            h('span', {
                text: 'With what NAT gateways pass on',
                title: 'Counted as it comes: what a NAT gateway passes on is counted for it, too. Beyond an hour, and in the query of this panel, it is not.',
            }),
        h('span', {
            text: held
                ? 'Order held while you point'
                : found.items.some((each) => each.previous_rank !== null)
                  ? `Moves against ${before}`
                  : onSchedule() && !found.live
                    ? ''
                    : `Nothing in ${before}`,
        }),
    ];
    $('#rank-foot').replaceChildren(...told.filter(Boolean));
}
