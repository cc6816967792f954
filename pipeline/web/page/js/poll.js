/* When the server is asked: every few seconds, not while nobody looks, and slower after a failure. */

import { ask, Failure, note, now, setClock } from './api.js';
import { every, pathOf, questions, rankedLive, rankingPath, trendsPath } from './questions.js';
import { readAddress, usual, view } from './state.js';
import { known, LIVE_S } from './store.js';

const BACK_OFF_S = [2, 4, 8, 16, 30];
/** An answer that another viewer got a moment ago is as good. */
const SHARED = 0.8;
/** A page that has just been opened is often of a home that has just begun. */
const SOON_S = 60;
const SOON_EVERY_S = 10,
    SOON_LOCAL_S = 3;
/** Answered while nothing lands: what it says is worth showing. */
const HOLDING = 503;

let draw = () => {},
    begun = 0,
    liveAt = 0,
    queriesAt = 0,
    asking = null,
    round = 0,
    turns = 0,
    shown = 0;
/** Questions on their way, by what they are about: the next one waits for them. */
const flying = { live: 0, queries: 0 };
/** By place: the turn whose answer is shown. An older one that comes late is not. */
const turnOf = {};

/** Seconds that only ever grow: the server's clock may be set, and with it the page's. */
const passed = () => performance.now() / 1000;

/** Begin; `drawn` is told {slide, full} when there is something new. */
export function begin(drawn) {
    draw = drawn;
    begun = passed();
    setInterval(tick, 1000);
    document.addEventListener('visibilitychange', () => {
        if (!document.hidden) askAsShown();
    });
    liveAt = passed();
    queriesAt = now();
    // What home it is decides what is asked.
    return live({ slide: false }).then(() => queries(every() * SHARED));
}

/** Ask everything at once; `share`: of the time between two questions an answer may be old. */
export function askNow(share = 0) {
    known.waiting = 0;
    liveAt = passed();
    queriesAt = now();
    return Promise.all([live({ slide: false }), queries(every() * share)]);
}

/** Ask, or while the page is paused only look whether something waits. */
const askAsShown = () => (view.live ? askNow(SHARED) : live({ slide: true }));

/** Ask since a filter or the range has changed: what still comes of before is forgotten. */
export function askAnew() {
    round++;
    return askNow(SHARED);
}

function tick() {
    if (document.hidden) return;
    if (known.down) {
        if (now() >= known.down.next) again();
    } else {
        const soon = passed() - begun < SOON_S;
        const ranked = known.ranking?.items.length > 0;
        if (!flying.live && passed() - liveAt >= (soon && !ranked ? 1 : LIVE_S)) {
            liveAt = passed();
            live({ slide: true });
        }
        // At the same moments for all who look, so that one of them asks for all.
        const first = known.health?.stage ? SOON_EVERY_S : SOON_LOCAL_S;
        const step = soon && !known.answers.pairs?.rows.length ? first : every();
        const due = Math.floor(now() / step) > Math.floor(queriesAt / step);
        if (view.live && !view.custom && !flying.queries && due) {
            queriesAt = now();
            queries(step * SHARED);
        }
    }
    draw({ tick: true });
}

/** Try once more after a failure. */
export function again() {
    if (asking) return;
    known.down.next = Infinity;
    asking = askAsShown().finally(() => {
        asking = null;
    });
}

async function live({ slide }) {
    const mine = round,
        turn = ++turns;
    flying.live++;
    try {
        const { body: health } = await ask('health', '/v1/health', { also: [HOLDING] });
        if (!health.version)
            throw new Failure('/v1/health', HOLDING, health.error || { what: 'it cannot answer' });
        setClock(health.time);
        if (!known.health && health.presets) beginWith(health);
        const found = rankedLive() ? await rankingOf() : null;
        if (mine !== round || turn < shown) return;
        shown = turn;
        if (!view.live && slide) {
            known.down = null;
            known.waiting += found?.fresh ? 1 : 0;
            return draw({ tick: true });
        }
        const was = known.down || (known.health?.newest_arrival === null && health.newest_arrival);
        Object.assign(known, { health, down: null, asOf: now() });
        if (found) Object.assign(known, { ranking: found.body });
        if (found?.failure) known.errors.ranking = found.failure;
        else delete known.errors.ranking;
        draw({ slide, ranking: true });
        if (was && slide) askNow(SHARED);
    } catch (failure) {
        failed(failure);
    } finally {
        flying.live--;
    }
}

/** The ranking, or why it alone does not come: counters may be away while all else answers. */
async function rankingOf() {
    try {
        return await ask('ranking', rankingPath());
    } catch (failure) {
        if (!(failure instanceof Failure) || !failure.reached) throw failure;
        return { body: null, fresh: false, failure };
    }
}

/** A home whose answers are made on schedule begins with a range that is among them. */
function beginWith(health) {
    known.health = health;
    usual.range = health.presets.ranges[0];
    readAddress();
}

function failed(failure) {
    if (!(failure instanceof Failure)) throw failure;
    const tries = (known.down?.tries || 0) + 1;
    known.down = {
        failure,
        tries,
        next: now() + BACK_OFF_S[Math.min(tries, BACK_OFF_S.length) - 1],
    };
    draw({ tick: true });
}

/** What is asked beside the live ranking, by place. */
function paths() {
    const found = Object.fromEntries(
            Object.entries(questions()).map(([place, question]) => [place, pathOf(question)]),
        ),
        trends = trendsPath();
    return trends ? { ...found, trends } : found;
}

/** Ask all saved queries; each draws when it comes, and one that fails leaves the others alone. */
async function queries(maxAge) {
    const mine = round,
        turn = ++turns,
        wanted = paths();
    const old = (place) => mine !== round || turn < (turnOf[place] || 0);
    flying.queries++;
    for (const place of Object.keys(known.answers)) if (!wanted[place]) delete known.answers[place];
    await Promise.all(
        Object.entries(wanted).map(async ([place, path]) => {
            try {
                const { body, fresh, made } = await ask(place, path, {
                    maxAge: Math.floor(maxAge),
                });
                if (old(place)) return;
                turnOf[place] = turn;
                if (fresh && body.name) note(body);
                known.answers[place] = body;
                known.made[place] = made;
                delete known.errors[place];
            } catch (failure) {
                if (!(failure instanceof Failure)) throw failure;
                if (old(place) || !failure.reached) return;
                known.errors[place] = failure;
            }
            draw({ place });
        }),
    ).finally(() => flying.queries--);
}
