/* What Athena has to be asked for: the price first, then the question. What is asked on schedule is
   free, and as old as it says. */

import { ask, Failure, now, pay } from './api.js';
import { $, h, heads } from './dom.js';
import { bytes, lasting } from './format.js';
import { known } from './store.js';

export const PAYMENT = 402;
/** By panel: the place whose answer it shows. */
const PLACES = { ranking: 'ranked', traffic: 'traffic', talkers: 'pairs', ports: 'ports', pipeline: 'intake' };
const OLD_S = 60;

export const usd = (sum) => (sum === null ? 'unknown' : `${sum < 0.01 ? sum.toFixed(6) : sum.toFixed(2)} USD`);

/** How old the answer in each panel is, where somebody else's is shown. */
export function ages() {
  for (const [panel, place] of Object.entries(PLACES)) {
    const made = known.answers[place] ? known.made[place] : undefined, head = $(`#${panel} .ph`);
    const old = known.health?.presets && made ? now() - made : 0;
    let tag = $('.age', head);
    if (!tag) head.insertBefore(tag = h('span', { class: 'scope age' }), $('.acts', head));
    tag.hidden = old < OLD_S;
    tag.textContent = tag.hidden ? '' : `${lasting(Math.floor(old))} old`;
    tag.title = tag.hidden ? '' : `Athena was asked then; on schedule: every ${known.health.presets.minutes} min, long ranges less often`;
  }
}

/** Open the dialog for all that this page lacks: what each costs, and one button for them. */
export async function openPrices() {
  const paths = [...new Set(Object.values(known.errors).filter((each) => each.status === PAYMENT).map((each) => each.path))];
  const body = $('#price-body'), button = $('#price-ask');
  body.replaceChildren(h('p', { text: 'Asking what it costs' }));
  button.hidden = true;
  $('#price').showModal();
  try {
    const prices = await Promise.all(paths.map(async (path) => [path, (await ask('price ' + path, path.replace('?', '/price?'))).body]));
    shown(body, button, prices);
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    body.replaceChildren(h('p', { text: `${failure.what}. ${failure.fix}` }));
  }
}

const nameOf = (path) => path.split('/')[3].split('?')[0];
const limitOf = (price) => price.usd ?? price.most_usd;

function shown(body, button, prices) {
  const sum = prices.reduce((all, [, price]) => all + (limitOf(price) ?? 0), 0);
  const guessed = prices.every(([, price]) => price.usd !== null);
  body.replaceChildren(h('table', { class: 'tbl' }, h('caption', { class: 'vh', text: 'What each question costs' }),
    heads(['', 'Question'], ['num', 'Reads'], ['num', 'Costs']),
    h('tbody', {}, prices.map(([path, price]) => h('tr', {},
      h('td', {}, h('code', { text: nameOf(path) })),
      h('td', { class: 'num', text: price.bytes === null ? '–' : 'about ' + bytes(price.bytes) }),
      h('td', { class: 'num', text: price.usd === null ? `at most ${usd(price.most_usd)}` : `about ${usd(price.usd)}` }))))),
  h('p', { text: 'By what the same query read last, for each day that it touches; a query that never ran is only known to stop at the limit of the workgroup. Athena bills 10 MB at least. Your invoice is the truth.' }));
  button.textContent = `Ask Athena: ${guessed ? 'about' : 'at most'} ${usd(sum)}`;
  button.hidden = !prices.length || prices.some(([, price]) => limitOf(price) === null);
  button.onclick = () => buy(prices, button);
}

/** Ask them, each for no more than was said; what comes is kept for an hour by the server. */
async function buy(prices, button) {
  button.disabled = true;
  button.textContent = 'Athena works on it';
  // Sums are rounded where they are said: half of the last digit is no other price.
  await Promise.allSettled(prices.map(([path, price]) => pay(path, limitOf(price) + 5e-10)));
  button.disabled = false;
  $('#price').close();
  dispatchEvent(new Event('tailrace-ask'));
}
