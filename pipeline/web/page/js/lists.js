/* Who talks most, and what is rejected. */

import { $, bar, h, heads, icon, skeleton, spark, vh } from './dom.js';
import { bytes, percent, shown, whole } from './format.js';
import { rowsOf } from './questions.js';
import { filtered, filtersFlows, view } from './state.js';
import { flowsCommand, nothing, queryFailed } from './states.js';
import { isEmpty, known } from './store.js';

const caption = (text) => h('caption', { class: 'vh', text });

/** An answer's rows, or what stands in the panel in their place. */
function rowsFor(box, place, empty, kind, columns, head) {
    const answer = known.answers[place];
    if (!answer && known.errors[place])
        return void box.replaceChildren(queryFailed(known.errors[place]));
    if (!answer) {
        return void box.replaceChildren(
            h(
                'table',
                { class: kind },
                caption('Asking'),
                head,
                h('tbody', {}, skeleton(8, columns)),
            ),
        );
    }
    if (!answer.rows.length) return void box.replaceChildren(nothing(...empty()));
    return rowsOf(answer);
}

const nameOf = (dimension, key, drill, text = key) =>
    h('button', {
        class: 'key',
        type: 'button',
        text: shown(text),
        title: `Filter by ${dimension} ${shown(key)}`,
        'aria-pressed': String(filtered(dimension) === key),
        onclick: () => drill(dimension, key),
    });

export function talkers(drill) {
    const source = filtered('source'),
        refused = nobodyLetThrough();
    const place = refused ? 'refused' : waitsForRefused() ? 'none' : 'pairs';
    $('#talk-sub').textContent = refused ? 'by rejected bytes' : 'by bytes';
    const head = heads(
        ['', source ? 'Destination' : 'Source and destination'],
        ['c-owner owner', 'Service and direction'],
        ['c-pk num pk', 'Packets'],
        ['c-by num', 'Bytes'],
        ['c-sh num', 'Share'],
    );
    const empty = () =>
        isEmpty() || !view.filters.length
            ? [
                  'No flow logs in this window',
                  'Top talkers come from VPC flow logs.',
                  [flowsCommand()],
              ]
            : [
                  'No row matches',
                  'No flow of this window fits the filter. Remove it or widen the range.',
              ];
    const rows = rowsFor(
        $('#talk-body'),
        place,
        empty,
        'tbl tk',
        ['', 'owner', 'num pk', 'num', 'num'],
        head,
    );
    if (!rows) return;
    $('#talk-body').replaceChildren(
        h(
            'table',
            { class: 'tbl tk' },
            caption('Top talkers'),
            head,
            h(
                'tbody',
                {},
                rows.map((row) => pairRow(row, rows[0].bytes, refused, source, drill)),
            ),
        ),
    );
}

/** Whether it is not known yet what to show of a filter by which nothing was let through. */
function waitsForRefused() {
    const { pairs, refused } = known.answers;
    return Boolean(
        filtersFlows() &&
        pairs &&
        !pairs.rows.length &&
        !refused &&
        !known.errors.refused,
    );
}

function nobodyLetThrough() {
    const { pairs, refused } = known.answers;
    return Boolean(filtersFlows() && pairs && !pairs.rows.length && refused?.rows.length);
}

function pairRow(row, most, refused, source, drill) {
    const to = h('span', { class: 'sep' }, icon('arrow'), vh('to'));
    const names = source
        ? [to, h('span', { class: 'key', text: shown(row.dstaddr) })]
        : [
              nameOf('source', row.srcaddr, drill),
              to,
              h('span', { class: 'tag', title: shown(row.dstaddr), text: shown(row.dstaddr) }),
          ];
    const owner = [row.service, row.direction].filter(Boolean).join(' · ') || '–';
    return h(
        'tr',
        {},
        h('td', {}, h('div', { class: 'cell' }, bar(row.bytes / (most || 1), refused), names)),
        h('td', { class: 'owner', title: owner, text: owner }),
        h('td', { class: 'num pk', text: whole(row.packets) }),
        h('td', { class: 'num', text: bytes(row.bytes) }),
        h('td', { class: 'num mute', text: percent(row.share || 0) }),
    );
}

export function ports(drill) {
    const sources = view.by === 'rejected_port';
    $('#h-ports').textContent = sources ? 'Rejected sources' : 'Rejected ports';
    const head = sources
        ? heads(['', 'Source'], ['c-at num', 'Attempts'], ['c-so num', 'Ports'])
        : heads(
              ['', 'Port and service'],
              ['c-tr tr', trends() ? 'Last 10 min' : ''],
              ['c-at num', 'Attempts'],
              ['c-so num', 'Sources'],
          );
    const empty = () =>
        view.filters.length
            ? ['No row matches', 'Nothing that fits the filter was rejected in this window.']
            : [
                  'Nothing rejected in this window',
                  'Ports show up here when a security group or network ACL turns a connection away.',
              ];
    const columns = sources ? ['', 'num', 'num'] : ['', 'tr', 'num', 'num'];
    const kind = 'tbl pt' + (sources || trends() ? '' : ' no-trend');
    const rows = rowsFor($('#ports-body'), 'ports', empty, kind, columns, head);
    // Of a moment ago: the panel was asked for the other of the two.
    if (!rows || 'sources' in rows[0] === sources) return;
    $('#ports-body').replaceChildren(
        h(
            'table',
            { class: kind },
            caption($('#h-ports').textContent),
            head,
            h(
                'tbody',
                {},
                rows.map((row) => (sources ? sourceRow : portRow)(row, rows[0].attempts, drill)),
            ),
        ),
    );
}

/** Attempts of the last ten minutes by port; null: nobody counts them. */
const trends = () => known.answers.trends?.items || null;

function portRow(row, most, drill) {
    const port = row.dstport === null ? null : String(row.dstport),
        protocol = row.protocol_name;
    // Flow logs write port 0 for what has none.
    const none = port === '0' && protocol?.startsWith('ICMP');
    const tag = [row.service, none || protocol === 'TCP' ? '' : protocol]
        .filter(Boolean)
        .join(' · ');
    return listRow(
        port !== null && filtered('port') === port,
        row.attempts / most,
        port === null
            ? h('span', { class: 'key', text: '–' })
            : nameOf('port', port, drill, none ? protocol : port),
        tag,
        row.attempts,
        row.sources,
        trends()?.find((each) => each.key === port)?.trend || [],
    );
}

function sourceRow(row, most, drill) {
    const tag = row.network || (row.dstport === null ? '' : `mostly port ${row.dstport}`);
    return listRow(
        filtered('source') === row.srcaddr,
        row.attempts / most,
        nameOf('source', row.srcaddr, drill),
        tag,
        row.attempts,
        row.ports,
    );
}

function listRow(chosen, share, name, tag, count, other, trend = null) {
    return h(
        'tr',
        { class: chosen ? 'sel' : null },
        h(
            'td',
            {},
            h(
                'div',
                { class: 'cell' },
                bar(share, true),
                name,
                tag && h('span', { class: 'tag', text: tag }),
            ),
        ),
        trend &&
            h(
                'td',
                { class: 'tr' },
                trend.length > 0 && spark(trend, { width: 76, kind: 'rej', open: true }),
            ),
        h('td', { class: 'num', text: whole(count) }),
        h('td', { class: 'num mute', text: whole(other) }),
    );
}
