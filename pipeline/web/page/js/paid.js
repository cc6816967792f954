/* What Athena has to be asked for: the price first, then the question. What is asked on schedule is
   free, and as old as it says. */

import { ask, Failure, now, pay } from './api.js';
import { $, h, heads } from './dom.js';
import { bytes, lasting } from './format.js';
import { known } from './store.js';

export const PAYMENT = 402;
/** By panel: the place whose answer it shows. */
const PLACES = {
    ranking: 'ranked',
    traffic: 'traffic',
    talkers: 'pairs',
    ports: 'ports',
    pipeline: 'intake',
};
const OLD_S = 60;
/** Sums are rounded where they are said: half of the last digit is no other price. */
const ROUNDED = 5e-10;
/** More than so many times the estimate is not agreed to: tables grow from one look to the next. */
const AGREED = 2;
const WHY =
    'By what the same query read last, for each day that it touches; one that never ran is only known to stop at the limit of the workgroup. It is an estimate: a query is broken off as soon as Athena says that it costs twice as much. Athena bills 10 MB at least. Your invoice is the truth.';

const usd = (sum) => `${sum < 0.01 ? sum.toFixed(6) : sum.toFixed(2)} USD`;

/** How old the answer in each panel is, where somebody else's is shown. */
export function ages() {
    for (const [panel, place] of Object.entries(PLACES)) {
        const made = known.answers[place] && known.made[place];
        const old = known.health?.presets && made ? now() - made : 0;
        const again = mustBePaid(place),
            tag = tagOf(panel, again);
        tag.hidden = old < OLD_S;
        if (tag.hidden) continue;
        tag.textContent = `${lasting(Math.floor(old))} old${again ? ' · ask again' : ''}`;
        tag.title = `Athena was asked then. On schedule: ${often(known.health.presets.minutes)}`;
    }
}

const often = (minutes) =>
    minutes ? `every ${minutes} min, long ranges less often` : 'never, PresetMinutes is 0';

const mustBePaid = (place) => known.errors[place]?.status === PAYMENT;

/** Where it says how old a panel is; a button where asking again is to be paid for. */
function tagOf(panel, again) {
    const head = $(`#${panel} .ph`),
        found = $('.age', head),
        kind = again ? 'button' : 'span';
    if (found?.localName === kind) return found;
    found?.remove();
    const made = h(kind, { class: 'scope age', ...(again && { type: 'button', onclick: openPrices }) });
    head.insertBefore(made, $('.acts', head));
    return made;
}

/** Open the dialog for all that this page lacks, or has of long ago: what each costs, one button. */
export async function openPrices() {
    const lacking = Object.keys(known.errors).filter(
        (place) =>
            mustBePaid(place) && (!known.answers[place] || now() - known.made[place] >= OLD_S),
    );
    const paths = [...new Set(lacking.map((place) => known.errors[place].path))];
    const body = $('#price-body');
    body.replaceChildren(h('p', { text: 'Asking what it costs' }));
    $('#price-ask').hidden = true;
    $('#price').showModal();
    try {
        show(await Promise.all(paths.map(async (path) => [path, await priceOf(path)])));
    } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        body.replaceChildren(h('p', { text: wordsOf(failure) }));
    }
}

async function priceOf(path) {
    const { body } = await ask('price of ' + nameOf(path), path.replace('?', '/price?'));
    return body;
}

const nameOf = (path) => path.split('/')[3].split('?')[0];
const wordsOf = ({ what, where, fix }) => [what, where, fix].filter(Boolean).join('; ');
const limitOf = (price) => price.usd ?? price.most_usd;
const agreedOf = (price) => (price.usd === null ? price.most_usd : AGREED * price.usd) + ROUNDED;

function show(prices) {
    $('#price-body').replaceChildren(
        h(
            'table',
            { class: 'tbl' },
            h('caption', { class: 'vh', text: 'What each question costs' }),
            heads(['', 'Question'], ['num', 'Reads'], ['num', 'Costs']),
            h('tbody', {}, prices.map(rowOf)),
        ),
        h('p', { text: WHY }),
    );
    const sum = prices.reduce((all, [, price]) => all + (limitOf(price) ?? 0), 0);
    const known = prices.every(([, price]) => price.usd !== null);
    const button = $('#price-ask');
    button.textContent = `Ask Athena: ${known ? 'about' : 'at most'} ${usd(sum)}`;
    button.hidden = !prices.length || prices.some(([, price]) => limitOf(price) === null);
    button.onclick = () => buy(prices, button);
}

function rowOf([path, price]) {
    const most = price.most_usd === null ? 'unknown' : `at most ${usd(price.most_usd)}`;
    return h(
        'tr',
        {},
        h('td', {}, h('code', { text: nameOf(path) })),
        h('td', { class: 'num', text: price.bytes === null ? '–' : `about ${bytes(price.bytes)}` }),
        h('td', { class: 'num', text: price.usd === null ? most : `about ${usd(price.usd)}` }),
    );
}

/** Ask them, each for no more than was said; the server keeps what comes for an hour. */
async function buy(prices, button) {
    button.disabled = true;
    button.textContent = 'Athena works on it';
    const failures = (await Promise.all(prices.map(bought))).filter(Boolean);
    button.disabled = false;
    dispatchEvent(new Event('tailrace-ask'));
    if (failures.length) showFailed(failures);
    else $('#price').close();
}

/**
 * Ask one and show what comes; gives the Failure, if any. What was paid for is taken from the answer
 * itself: asked again, another instance of the server may not have it.
 */
async function bought([path, price]) {
    try {
        const body = await pay(path, agreedOf(price));
        for (const [place, lacking] of Object.entries(known.errors)) {
            if (lacking.path !== path) continue;
            known.answers[place] = body;
            known.made[place] = now();
            delete known.errors[place];
        }
        return null;
    } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        return failure;
    }
}

function showFailed(failures) {
    $('#price-ask').hidden = true;
    const lines = failures.map((each) =>
        h('li', {}, h('code', { text: nameOf(each.path) }), ` ${wordsOf(each)}`),
    );
    $('#price-body').replaceChildren(
        h('p', { role: 'alert', text: 'This failed, and Athena may have billed for it:' }),
        h('ul', {}, lines),
    );
}
