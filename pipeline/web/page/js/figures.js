/* The key figures: how much, and against the window before. */

import { $, h, icon, spark, vh } from './dom.js';
import { lasting, NARROW, percent, sized, wait, whole } from './format.js';
import { PAYMENT } from './paid.js';
import { lagOf, rowsOf } from './questions.js';
import { drawable, lacking, seriesOf, total } from './series.js';
import { filtersFlows, view } from './state.js';
import { known } from './store.js';

const BEFORE = {
    '10m': '10 min before',
    '1h': 'hour before',
    '6h': '6 h before',
    '24h': 'day before',
    '7d': 'week before',
};
/** From here on a change is told as a multiple. */
const MANY = 9;
const WIDE = { width: 76, height: 30 };

export function figures() {
    $('#kpis').replaceChildren(events(), ...traffic(), lag(), sources());
}

function cell(name, ...rest) {
    return h('div', { class: 'kpi' }, h('dt', { text: name }), ...rest);
}

function nothing(name, place) {
    const failed = known.errors[place];
    const waits = !failed && !known.answers[place];
    return cell(
        name,
        h('dd', { class: 'v' }, waits ? h('span', { class: 'sk w3' }) : '–'),
        h('dd', {
            class: 'd',
            text: failed ? toldOf(failed) : waits ? '' : 'nothing has arrived',
        }),
    );
}

const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : whole(number));
const toldOf = (failure) => (failure.status === PAYMENT ? 'not asked' : 'this query failed');

const value = (text, unit) => h('dd', { class: 'v' }, text, unit && h('small', { text: unit }));
/** Without the running bucket, which would look like a fall. */
const drawn = (values, kind = '') =>
    h('dd', { class: 'g' }, spark(drawable(values.slice(0, -1)), { ...WIDE, kind }));

/** The change against the window before; a window with holes says so in its place. */
function change(series, sum, sumBefore, words = 'without data') {
    if (series.missing > 3) {
        const holes = lasting(series.missing * series.step);
        return h('dd', {
            class: 'd',
            text: `${holes} ${words}`,
            title: `The window has holes, so it is not compared with the one before.`,
        });
    }
    if (!sumBefore) return h('dd', { class: 'd', text: 'nothing in the window before' });
    const ratio = sum / sumBefore - 1;
    return h(
        'dd',
        { class: 'd' },
        icon(ratio < 0 ? 'down' : 'up'),
        h('b', { text: ratio >= MANY ? '×' + whole(ratio + 1) : percent(Math.abs(ratio)) }),
        h('span', {
            class: 'more',
            text: 'on the ' + (view.custom ? 'window before' : BEFORE[view.range]),
        }),
        vh(ratio < 0 ? 'lower' : 'higher'),
    );
}

function events() {
    const name = 'Events per minute' + (view.filters.length ? ' · not filtered' : '');
    const answer = known.answers.intake;
    if (!answer?.rows.length) return nothing(name, 'intake');
    const series = seriesOf(answer, ['events_in']),
        { events_in: counts } = series.columns;
    // The first bucket begins before the window does.
    const minutes = (series.to - series.x[0]) / 60;
    return cell(
        name,
        value(rate(total(counts) / minutes)),
        drawn(counts),
        change(series, total(counts), total(series.before.events_in)),
    );
}

function traffic() {
    const foreign =
        view.filters.length && !filtersFlows() ? ' · not filtered' : '';
    const answer = known.answers.traffic,
        names = ['Accepted traffic' + foreign, 'Rejected traffic' + foreign];
    if (!answer?.rows.length) return names.map((name) => nothing(name, 'traffic'));
    const series = seriesOf(answer, [
        'accepted_bytes',
        'rejected_bytes',
        'accepted_flows',
        'rejected_flows',
    ]);
    const { accepted_bytes: accepted, rejected_bytes: rejected } = series.columns;
    const flows = ['accepted_flows', 'rejected_flows'].map((each) => total(series.columns[each]));
    return [
        cell(
            names[0],
            value(...sized(total(accepted))),
            drawn(accepted),
            change(series, total(accepted), total(series.before.accepted_bytes), lacking()),
        ),
        cell(
            names[1],
            value(...sized(total(rejected))),
            drawn(rejected, 'rej'),
            h(
                'dd',
                { class: 'd' },
                h('b', { text: percent(flows[1] / (flows[0] + flows[1] || 1)) }),
                h('span', { text: 'of flows' }),
                h('span', {
                    class: 'more',
                    text: more(series, total(rejected), total(series.before.rejected_bytes)),
                }),
            ),
        ),
    ];
}

function more(series, sum, sumBefore) {
    if (series.missing > 3 || !sumBefore || sum / sumBefore > MANY) return '';
    return `· ${percent(Math.abs(sum / sumBefore - 1))} ${sum < sumBefore ? 'less' : 'more'}`;
}

function lag() {
    const name = 'Arrival to query, p95',
        land = lagOf('land');
    if (!land) return nothing(name, 'lag');
    const [number, unit] = wait(land.p95_ms).split(NARROW),
        { stage, flush_seconds: flush } = known.health || {};
    const target = stage ? `Firehose waits ${flush}${NARROW}s` : `target: under 15${NARROW}s`;
    const intake = known.answers.intake;
    const waits = intake ? seriesOf(intake, ['p95_ms']).columns.p95_ms : [];
    return cell(
        name,
        value(number, unit),
        drawn(waits, 'dim'),
        h('dd', { class: 'd', text: target }),
    );
}

function sources() {
    const name = 'Sources sending',
        answer = known.answers.sources;
    if (!answer?.rows.length) return nothing(name, 'sources');
    const rows = rowsOf(answer),
        silent = rows.filter((each) => !each.records);
    const names = (list) => list.map((each) => each.source).join(', ');
    const said =
        `Sending: ${names(rows.filter((each) => each.records)) || 'none'}.` +
        (silent.length ? ` Silent: ${names(silent)}.` : '');
    const first = silent[0];
    return cell(
        name,
        value(String(rows.length - silent.length), 'of ' + rows.length),
        h(
            'dd',
            { class: 'g' },
            h(
                'span',
                { class: 'srcs', role: 'img', 'aria-label': said, title: said },
                [...rows]
                    .reverse()
                    .map((each) => h('i', { class: each.records ? null : 'silent' })),
            ),
        ),
        h(
            'dd',
            { class: 'd' },
            first
                ? [
                      h('code', { text: first.source }),
                      h('span', { text: 'silent for ' + lasting(first.silent_seconds) }),
                  ]
                : 'of all that sent within a day',
        ),
    );
}
