/* The page: what is drawn when, and what somebody does with it. */

import { $, h, keepingFocus } from './dom.js';
import { fileOf, openSql, say } from './dialogs.js';
import { isAddress, shown } from './format.js';
import { figures } from './figures.js';
import { header, scopes, showBanner, themeButton, toolbar } from './header.js';
import { keys, step } from './keys.js';
import { ports, talkers } from './lists.js';
import { pipeline } from './pipeline.js';
import { remake } from './plot.js';
import { follow, waits } from './pointing.js';
import { again, askAnew, askNow, begin } from './poll.js';
import { questionOf } from './questions.js';
import { BY, ranking } from './ranking.js';
import {
    DIMENSIONS,
    filtered,
    keyFits,
    RANGES,
    readAddress,
    turnTheme,
    view,
    writeAddress,
} from './state.js';
import { known } from './store.js';
import { traffic } from './traffic.js';

const PANELS = ['ranking', 'traffic', 'talkers', 'ports', 'pipeline'];
const CHIP = new RegExp(`^(${DIMENSIONS.join('|')}):(.+)$`, 's');
const RESIZE_MS = 60;
/** By place of an answer: what of the page it changes. */
const DRAWS = {
    traffic: () => {
        traffic(zoom);
        figures();
    },
    intake: () => {
        figures();
        books();
    },
    pairs: () => whoTalks(),
    refused: () => whoTalks(),
    ports: () => whatIsRejected(),
    trends: () => whatIsRejected(),
    sources: figures,
    rejects: () => books(),
    ranked: () => ranking(drill, true),
    rankedBefore: () => ranking(drill, true),
    lag: () => {
        figures();
        books();
        if (known.answers.traffic) traffic(zoom);
    },
};

const whoTalks = () => keepingFocus($('#talk-body'), () => talkers(drill));
const whatIsRejected = () => keepingFocus($('#ports-body'), () => ports(drill));
const books = () => keepingFocus($('#pipeline'), pipeline);

/** Draw what is new: all of it, the answer of a place, the ranking, or only what time changes. */
function draw({ all = false, place = null, slide = false, ranking: ranked = false }) {
    header();
    showBanner({ again });
    if (all) {
        acts();
        scopes();
        Object.values(DRAWS)
            .slice(0, 5)
            .forEach((each) => each());
        books();
    }
    if (all || ranked) {
        toolbar({ drop, clear });
        const moved = ranking(drill, slide);
        if (moved) say(`${moved} rows changed place. First: ${$('#rank-panel .key')?.textContent}`);
    }
    if (place && !waits(place)) DRAWS[place]();
}

/** Something that questions depend on is another: forget what answers the old ones. */
function changed({ step: back = true, forget = Object.keys(known.answers) } = {}) {
    writeAddress(back);
    for (const place of forget) {
        delete known.answers[place];
        delete known.errors[place];
    }
    draw({ all: true });
    askAnew();
}

function drill(dimension, key) {
    const chosen = filtered(dimension) === key;
    view.filters = view.filters.filter((each) => each.dimension !== dimension);
    if (!chosen) view.filters.push({ dimension, key });
    changed({ forget: followers([dimension]) });
    say(chosen ? 'Filter removed' : `Filtered by ${dimension} ${shown(key)}`, true);
}

/** Places whose answers a filter changes: what a panel cannot follow stays. */
const followers = (dimensions) => [
    ...(dimensions.some((each) => each !== 'page')
        ? ['traffic', 'pairs', 'ports', 'refused', 'trends']
        : []),
    'ranked',
    'rankedBefore',
];

function drop(filter) {
    view.filters = view.filters.filter((each) => each !== filter);
    changed({ forget: followers([filter.dimension]) });
    say('Filter removed', true);
}

function clear() {
    const dimensions = view.filters.map((each) => each.dimension);
    Object.assign(view, { filters: [], find: '' });
    $('#q').value = '';
    changed({ forget: followers(dimensions) });
    say('Filters cleared', true);
}

function zoom(from, to) {
    if (from === null && !view.custom) return;
    view.custom = from === null ? null : [Math.floor(from), Math.ceil(to)];
    changed();
    say(view.custom ? 'Zoomed' : 'Back to the range', true);
}

function setRange(name) {
    Object.assign(view, { range: name, custom: null });
    known.ranking = null;
    changed();
}

function setRanking(name) {
    view.by = name;
    known.ranking = null;
    delete known.errors.ranking;
    changed({ step: false, forget: ['ports', 'ranked', 'rankedBefore'] });
}

function toggleTable() {
    if (!view.tables.delete('traffic')) view.tables.add('traffic');
    writeAddress();
    acts();
    traffic(zoom);
    say(view.tables.size ? 'Traffic is now a table' : 'Traffic is now a chart', true);
}

function pause() {
    view.live = !view.live;
    if (view.live) askNow();
    header();
    say(view.live ? 'Live' : 'Paused', true);
}

function nextTheme() {
    turnTheme();
    themeButton();
    remake();
}

function redraw(change) {
    change();
    writeAddress();
    draw({ all: true });
    remake();
}

const panelOf = () => document.activeElement?.closest?.('.panel')?.id || 'traffic';

function acts() {
    for (const box of document.querySelectorAll('.acts')) {
        const panel = box.dataset.panel,
            focus = box.contains(document.activeElement) && document.activeElement.dataset.act;
        const kids = [];
        if (panel === 'traffic')
            kids.push(
                h('button', {
                    type: 'button',
                    'data-act': 'table',
                    'aria-pressed': String(view.tables.has('traffic')),
                    text: 'Table',
                    onclick: toggleTable,
                }),
            );
        kids.push(
            h('button', {
                type: 'button',
                'data-act': 'sql',
                text: 'SQL',
                'aria-haspopup': 'dialog',
                onclick: () => openSql(panel),
            }),
        );
        kids.push(fileOf(questionOf(panel), 'csv', 'CSV'));
        box.replaceChildren(...kids);
        if (focus) $(`[data-act=${focus}]`, box)?.focus();
    }
}

function find() {
    const box = $('#q');
    box.addEventListener('input', () => {
        view.find = CHIP.test(box.value) ? '' : box.value.trim();
        ranking(drill);
    });
    $('#find').addEventListener('submit', (event) => {
        event.preventDefault();
        const chip = box.value.trim().match(CHIP),
            first = $('#rank-panel button.key');
        const address = box.value.trim();
        if (isAddress(address)) {
            box.value = view.find = '';
            return void (filtered('source') === address || drill('source', address));
        }
        if (!chip && !(view.find && first)) return;
        box.value = '';
        view.find = '';
        if (!chip) first.click();
        else if (!keyFits(chip[1], chip[2])) say(`No ${chip[1]} is called so`, true);
        else if (filtered(chip[1]) !== chip[2]) drill(chip[1], chip[2]);
    });
}

function tabs() {
    const all = Object.entries(BY).map(([name, words]) =>
        h('button', {
            type: 'button',
            role: 'tab',
            id: 'tab-' + name,
            'data-by': name,
            'aria-controls': 'rank-panel',
            text: words[0],
            onclick: () => choose(name),
        }),
    );
    const mark = () =>
        all.forEach((tab) => {
            const on = tab.dataset.by === view.by;
            tab.setAttribute('aria-selected', String(on));
            tab.tabIndex = on ? 0 : -1;
            if (on) $('#rank-panel').setAttribute('aria-labelledby', tab.id);
        });
    const choose = (name) => {
        setRanking(name);
        mark();
    };
    $('#tabs').append(...all);
    $('#tabs').addEventListener('keydown', (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        const next =
            all[
                (all.findIndex((tab) => tab.dataset.by === view.by) + by + all.length) % all.length
            ];
        next.click();
        next.focus();
    });
    mark();
    return mark;
}

function back(target, types) {
    const open = $('details[open]');
    if (open) {
        open.open = false;
        return;
    }
    if (types) target.blur();
    if (view.custom) zoom(null);
    else if (view.filters.length || view.find) clear();
}

function wire() {
    $('#range').append(
        ...Object.keys(RANGES).map((name) =>
            h(
                'label',
                {},
                h('input', {
                    type: 'radio',
                    name: 'range',
                    value: name,
                    onchange: () => setRange(name),
                }),
                h('span', { text: name }),
            ),
        ),
    );
    const panel = $('#rank-panel');
    for (const [name, hold] of [
        ['pointerenter', true],
        ['pointerleave', false],
        ['focusin', true],
        ['focusout', false],
    ]) {
        panel.addEventListener(name, () => {
            view.hold = hold;
        });
    }
    const local = () =>
        redraw(() => {
            view.local = !view.local;
        });
    const anonymous = () =>
        redraw(() => {
            view.anonymous = !view.anonymous;
        });
    const compare = () => {
        view.compare = !view.compare;
        traffic(zoom);
    };
    const help = () => $('#help').showModal();
    for (const [id, act] of [
        ['#live', pause],
        ['#tz', local],
        ['#reset', () => zoom(null)],
        ['#cmp', compare],
        ['#theme', nextTheme],
        ['#help-b', help],
        ['#anon', anonymous],
    ])
        $(id).onclick = act;
    const ranges = Object.keys(RANGES),
        next = () => setRange(ranges[(ranges.indexOf(view.range) + 1) % ranges.length]);
    const now = () => {
        askNow();
        say('Asked again', true);
    };
    const save = () => $(`[data-panel=${panelOf()}] a`)?.click();
    keys(
        {
            '/': () => $('#q').focus(),
            t: next,
            p: pause,
            r: now,
            d: nextTheme,
            u: local,
            a: anonymous,
            x: compare,
            '?': help,
            v: toggleTable,
            s: () => openSql(panelOf()),
            c: save,
            j: () => step(1),
            k: () => step(-1),
            ...Object.fromEntries(PANELS.map((name, i) => [i + 1, () => $('#' + name).focus()])),
        },
        back,
    );
    addEventListener('pointerdown', (event) => {
        for (const open of document.querySelectorAll('details[open]'))
            if (!open.contains(event.target)) open.open = false;
    });
}

function start() {
    readAddress();
    wire();
    follow((place) => DRAWS[place]());
    find();
    const mark = tabs();
    themeButton();
    addEventListener('popstate', () => {
        const by = view.by;
        readAddress();
        if (by !== view.by) known.ranking = null;
        mark();
        known.answers = {};
        known.errors = {};
        draw({ all: true });
        askAnew();
    });
    addEventListener('tailrace-ask', () => askNow());
    let resizing;
    new ResizeObserver(() => {
        clearTimeout(resizing);
        resizing = setTimeout(remake, RESIZE_MS);
    }).observe($('#plots'));
    // Plots have the size and the colours of what they were drawn for: a screen, or paper.
    for (const of of ['(prefers-color-scheme: dark)', '(forced-colors: active)', 'print'])
        matchMedia(of).addEventListener('change', remake);
    document.fonts.ready.then(remake);
    draw({ all: true });
    begin(draw);
}

start();
