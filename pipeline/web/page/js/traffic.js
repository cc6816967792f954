/* Traffic over time: as two plots or as a table with every number. */

import { $, h } from './dom.js';
import { bytes, clock, day, percent, zone } from './format.js';
import { drop, isPointed, show } from './plot.js';
import { lagOf } from './questions.js';
import { lacking, seriesOf, total } from './series.js';
import { BUCKETS, filtersFlows, view } from './state.js';
import { queryFailed } from './states.js';
import { isEmpty, known } from './store.js';

let series = null,
    act = null;

/** Draw it; `zoom(from, to)` is told what somebody dragged over. */
export function traffic(zoom) {
    act = { zoom, read };
    const failed = known.errors.traffic && !known.answers.traffic,
        table = view.tables.has('traffic');
    $('#plots').hidden = table || Boolean(failed);
    $('#traffic-table').hidden = !table || Boolean(failed);
    $('#traffic-failed').replaceChildren(...(failed ? [queryFailed(known.errors.traffic)] : []));
    $('#cmp').setAttribute('aria-pressed', String(view.compare));
    series = known.answers.traffic ? lines(known.answers.traffic) : null;
    if (!series) return waits();
    $('#plots').removeAttribute('data-old');
    head();
    if (table) {
        drop();
        $('#traffic-table').replaceChildren(tableOf());
    } else if (!failed) {
        $('#plots').toggleAttribute(
            'data-flat',
            !series.accepted.some((each) => each > 0) && series.rejected.some((each) => each > 0),
        );
        show(series, act);
        if (!isPointed()) read(null);
    }
}

function lines(answer) {
    const found = seriesOf(answer, ['accepted_bytes', 'rejected_bytes']),
        { step, end, due, x } = found;
    const rate = (values) => values.map((each) => (each === null ? null : each / step));
    const { accepted_bytes: accepted, rejected_bytes: rejected } = found.columns;
    return {
        ...found,
        accepted: rate(accepted),
        rejected: rate(rejected),
        sums: [total(accepted), total(rejected)],
        before: view.compare ? rate(found.before.accepted_bytes) : x.map(() => null),
        // What ends in a silence is whole.
        open: view.custom || due > end + 1 ? x.length : Math.min(openFrom(found), end),
        spread: found.to - found.from > 172800,
    };
}

/** The first bucket that is not whole: the running one, and those whose logs are still coming. */
function openFrom({ x, to, end, step }) {
    const late = (lagOf('arrive')?.p50_ms || 0) / 1000;
    const whole = x.findLastIndex((at) => at + step <= to - Math.min(late, 60));
    return Math.max(1, Math.min(whole + 1, end));
}

function waits() {
    const empty = isEmpty();
    $('#traffic-sub').textContent = '';
    for (const id of ['#r-acc', '#r-rej']) $(id).textContent = '–';
    for (const id of ['#r-acc-u', '#r-rej-u']) $(id).textContent = '';
    $('#traffic-foot').textContent = empty ? 'No flow logs yet' : 'Asking';
    // What is drawn answers another question.
    $('#plots').toggleAttribute('data-old', !empty);
}

function head() {
    const { step, x, rejected, sums, missing } = series;
    $('#traffic-sub').textContent = (view.custom ? step + ' s' : BUCKETS[step]) + ' buckets';
    const top = Math.max(0, ...rejected.filter((each) => each !== null)),
        at = x[rejected.indexOf(top)];
    const parts = top
        ? [`Highest rejected: ${bytes(top)}/s at ${clock(at, step < 60)}`]
        : ['Nothing rejected in this window'];
    const empty = !sums[0] && !sums[1];
    if (empty)
        parts[0] = `No flow ${filtersFlows() ? 'that fits' : 'logs'} in this window`;
    if (missing && !empty) parts.push(`${missing} ${missing === 1 ? 'bucket' : 'buckets'} ${lacking()}`);
    const hint = !view.tables.has('traffic') && h('span', { class: 'hint', text: ' · Drag to zoom' });
    $('#traffic-foot').replaceChildren(h('span', {}, parts.join(' · '), hint));
    $('#p-acc').setAttribute(
        'aria-label',
        `Accepted traffic, ${x.length} buckets, ${bytes(sums[0])} in all. The Table button gives every number.`,
    );
    $('#p-rej').setAttribute(
        'aria-label',
        `Rejected traffic, ${bytes(sums[1])} in all, on its own scale.`,
    );
    for (const [id, sum, text] of [
        ['#n-acc', sums[0], 'Nothing accepted in this window'],
        ['#n-rej', sums[1], 'Nothing rejected in this window'],
    ]) {
        $(id).hidden = sum > 0;
        $(id).textContent = text;
    }
}

const none = () => (filtersFlows() ? 'no flow' : 'no data');

const timeOf = (at) =>
    (series.to - series.from > 43200 ? day(at) + ' ' : '') + clock(at, series.step < 60);

/** What stands beside the names: the whole window, or the bucket that is pointed at. */
function read(i) {
    if (!series) return;
    const at = i !== null && i !== undefined && series.x[i] !== undefined;
    const told = (values, sum) =>
        !at ? bytes(sum) : values[i] === null ? none() : bytes(values[i]) + '/s';
    const [accepted, rejected] = series.sums;
    $('#r-acc').textContent = told(series.accepted, accepted);
    $('#r-rej').textContent = told(series.rejected, rejected);
    $('#r-acc-u').textContent = at ? 'at ' + timeOf(series.x[i]) : 'in this window';
    $('#r-rej-u').textContent = at
        ? ''
        : percent(rejected / (accepted + rejected || 1)) + ' of bytes';
}

function tableOf() {
    const columns = ['Accepted', 'Rejected', 'Rejected share'];
    return h(
        'table',
        { class: 'tbl' },
        h('caption', { class: 'vh', text: 'Traffic by bucket, newest first' }),
        h(
            'thead',
            {},
            h(
                'tr',
                {},
                h('th', { scope: 'col', text: 'Bucket start,' + zone() }),
                columns.map((text) => h('th', { class: 'num', scope: 'col', text })),
            ),
        ),
        h('tbody', {}, series.x.map((_, i) => tableRow(i)).reverse()),
    );
}

function tableRow(i) {
    const accepted = series.accepted[i],
        rejected = series.rejected[i],
        open = i >= series.open && i <= series.end;
    return h(
        'tr',
        { class: open ? 'part' : null },
        h('td', {}, timeOf(series.x[i]), open && h('em', { text: 'so far' })),
        accepted === null
            ? h('td', {
                  class: 'num mute',
                  colspan: 3,
                  text: i < series.due ? none() : 'not yet',
              })
            : [
                  bytes(accepted) + '/s',
                  bytes(rejected) + '/s',
                  percent(rejected / (accepted + rejected || 1)),
              ].map((text) => h('td', { class: 'num', text })),
    );
}
