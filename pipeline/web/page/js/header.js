/* Is it true now? Freshness, cost, the window, filters, and one banner for what is wrong. */

import { asked, now } from './api.js';
import { $, h, icon, keepingFocus, pairs } from './dom.js';
import { copy } from './dialogs.js';
import { bytes, clock, day, lasting, NARROW, shown, span, whole, zone } from './format.js';
import { ages } from './paid.js';
import { every } from './questions.js';
import { measure, theme, view } from './state.js';
import { FRESH, interval, known, LATE, LIVE_S, TOLD_S } from './store.js';

const DAY_S = 86400;

/** Seconds since the newest arrival that can be asked for; null: there is none. */
export function age() {
    const newest = known.health?.newest_arrival;
    return newest ? Math.max(0, now() - Date.parse(newest) / 1000) : null;
}

function freshness() {
    const old = age(),
        since = old === null ? '' : ` · ${lasting(Math.floor(old))} old`;
    if (known.down) return ['bad', 'No answer' + since];
    if (!known.health) return ['off', 'Asking'];
    if (old === null) return ['off', 'No data yet'];
    if (!view.live) return ['off', 'Paused' + since];
    if (old < FRESH * interval()) return ['ok', 'Fresh' + since];
    return old < LATE * interval() ? ['warn', 'Late' + since] : ['bad', 'Stale' + since];
}

export function header() {
    const [kind, text] = freshness(),
        chip = $('#fresh .chip'),
        old = age();
    chip.className = 'chip ' + kind;
    $('.chip-t', chip).textContent = text;
    pairs($('#fresh-dl'), [
        ['Newest arrival you can ask for', old === null ? '–' : clock(now() - old) + zone()],
        ['Ranking asked every', LIVE_S + NARROW + 's'],
        ['Queries asked every', lasting(every())],
        [
            'Late from, stale from',
            `${FRESH * interval()}${NARROW}s, ${LATE * interval()}${NARROW}s`,
        ],
    ]);
    place();
    ages();
    const button = $('#live');
    button.setAttribute('aria-pressed', String(view.live));
    button.title = view.live ? 'Stop the numbers  p' : 'Go on  p';
    $('use', button).setAttribute('href', view.live ? '#i-pause' : '#i-play');
    const words = view.live ? 'Pause' : known.waiting ? `Resume · ${known.waiting} new` : 'Resume';
    $('span', button).textContent = words;
    button.setAttribute('aria-label', words);
    const engine = known.health?.stage ? 'Athena' : 'DuckDB, embedded';
    $('#foot-l').textContent =
        `tailrace ${known.health?.version || ''} · ${engine} · ${clock(now())}${zone()}`;
}

/** Which home it is, and what looking at it costs. */
function place() {
    const { stage, region, spent } = known.health || {};
    $('#env').textContent = stage ? `aws · ${stage} · ${region}` : 'local';
    $('#env').toggleAttribute('data-prod', stage === 'production');
    if (!spent) {
        pairs($('#cost-dl'), [
            ['Queries by this page', whole(asked.count)],
            ['Read from disk', bytes(asked.bytes)],
            ['Engine', 'DuckDB, in process'],
        ]);
        return;
    }
    $('#cost .chip-t').textContent = `≈ ${spent.usd.toFixed(4)} USD here`;
    $('#cost p').textContent =
        'Athena bills at least 10 MB for each query. What is asked on schedule is not in it. The sum is an estimate, your invoice is the truth.';
    pairs($('#cost-dl'), [
        ['Queries by this server', whole(spent.queries)],
        ['Scanned', bytes(spent.bytes_scanned)],
        ['Billed', `≈ ${spent.usd.toFixed(6)} USD`],
        ['Engine', 'Athena'],
    ]);
}

export function toolbar({ drop, clear }) {
    const to = view.custom ? view.custom[1] : known.asOf || now(),
        from = view.custom ? view.custom[0] : to - measure()[0];
    $('#window').textContent = span(from, to);
    $('#tz').textContent = view.local ? 'local' : 'UTC';
    $('#tz').setAttribute('aria-pressed', String(view.local));
    $('#reset').hidden = !view.custom;
    $('#reset').textContent = 'Back to ' + view.range;
    $('#anon').setAttribute('aria-pressed', String(view.anonymous));
    $('#anon').textContent = view.anonymous ? 'Addresses are hidden' : 'Hide addresses';
    const all = h(
        'li',
        {},
        h('button', { class: 'fclear', type: 'button', text: 'Clear all', onclick: clear }),
    );
    keepingFocus($('#chips'), () =>
        $('#chips').replaceChildren(
            ...view.filters.map((each) => chipOf(each, drop)),
            ...(view.filters.length > 1 ? [all] : []),
        ),
    );
    $('#chips').hidden = !view.filters.length;
    for (const radio of document.querySelectorAll('#range input'))
        radio.checked = !view.custom && radio.value === view.range;
}

function chipOf(each, drop) {
    const key = shown(each.key);
    return h(
        'li',
        { class: 'fchip' },
        h('span', { class: 'dim', text: each.dimension }),
        h('code', { title: key, text: key }),
        h(
            'button',
            {
                type: 'button',
                'aria-label': `Remove filter ${each.dimension} ${key}`,
                title: 'Remove  Esc',
                onclick: () => drop(each),
            },
            icon('x'),
        ),
    );
}

/** Which panels cannot follow a filter, and why. */
export function scopes() {
    const pages = view.by === 'page' || view.by === 'error_path';
    for (const [id, owned, what] of [
        ['ranking', pages ? ['page'] : ['source', 'port'], pages ? 'Page views' : 'Flow logs'],
        ...['traffic', 'talkers', 'ports'].map((each) => [each, ['source', 'port'], 'Flow logs']),
    ]) {
        const foreign = view.filters
            .map((each) => each.dimension)
            .filter((each) => !owned.includes(each));
        const tag = $(`#${id} .scope`);
        tag.hidden = !foreign.length;
        tag.title = foreign.length ? `${what} have no ${foreign.join(', ')}` : '';
    }
}

let banner = '';

/** One banner at a time, above the sheet: what, since when, what is seen, what to do. */
export function showBanner({ again }) {
    const found = bannerOf(again),
        box = $('#banner');
    box.hidden = !found;
    document.body.classList.toggle('is-old', Boolean(found?.old));
    if (!found) {
        banner = '';
        return;
    }
    if (banner === found.key) {
        $('.banner-t', box).textContent = found.text;
        return;
    }
    banner = found.key;
    box.className = 'banner ' + found.kind;
    box.replaceChildren(
        h(
            'p',
            {},
            h('b', { text: found.title }),
            h('span', { class: 'banner-t', text: found.text }),
        ),
        ...found.buttons,
    );
}

const button = (text, onclick) => h('button', { class: 'btn', type: 'button', text, onclick });
function doctor() {
    const stage = known.health?.stage ? ' --stage ' + known.health.stage : '';
    return button('Copy tailrace doctor', (event) =>
        copy('tailrace doctor' + stage, event.currentTarget),
    );
}

function bannerOf(again) {
    const old = age(),
        until = known.asOf ? ` from ${clock(known.asOf)}${zone()}` : '';
    if (known.down) {
        const { failure, tries, next } = known.down,
            left = Math.max(0, Math.ceil(next - now()));
        return {
            key: 'down' + failure.status,
            kind: 'bad',
            old: true,
            title: 'The server does not answer.',
            text: `${failure.reached ? `HTTP ${failure.status}` : 'Nothing comes back'} on ${failure.path.split('?')[0]}${failure.request ? `, request ${failure.request}` : ''}. ${left ? `Try ${tries + 1} in ${left}${NARROW}s` : 'Trying again'}. Below: the last good numbers${until}.`,
            buttons: [
                button('Try now', again),
                button('Copy details', (event) => copy(failure.details, event.currentTarget)),
            ],
        };
    }
    if (known.health?.status === 'failing') {
        return {
            key: 'failing',
            kind: 'warn',
            old: false,
            title: 'The stack is not well.',
            text: known.health.problem,
            buttons: [doctor()],
        };
    }
    if (known.health && known.health.status !== 'ok') {
        return {
            key: 'holding',
            kind: 'warn',
            old: false,
            title: 'What arrives does not land.',
            text: `It is kept and tried again: ${known.health.problem}. You see what had landed before.`,
            buttons: [doctor()],
        };
    }
    if (old === null || old < Math.max(LATE * interval(), TOLD_S)) return null;
    return {
        key: 'stale',
        kind: 'warn',
        old: true,
        title: `No new data since ${old > DAY_S / 2 ? day(now() - old) + ' ' : ''}${clock(now() - old)}${zone()}.`,
        text: `That is ${lasting(Math.floor(old))}. You see what had arrived by then. The server answers; the stream has received nothing since.`,
        buttons: [button('Show the pipeline', () => $('#pipeline').focus()), doctor()],
    };
}

export function themeButton() {
    const now = theme(),
        button = $('#theme');
    $('use', button).setAttribute('href', '#i-' + now);
    button.title = `Theme: ${now}  d`;
    button.setAttribute('aria-label', `Theme: ${now}. Change`);
}
