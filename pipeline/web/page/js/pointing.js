/* Rows of lists are not changed under a hand that moves; they are when it leaves, or rests. */

import { $ } from './dom.js';

const LISTS = {
    pairs: 'talk-body',
    refused: 'talk-body',
    ports: 'ports-body',
    trends: 'ports-body',
};
const RESTS_MS = 30000;
/** Places whose new rows wait. */
const waiting = new Set();
let pointedAt = 0;

/** Whether an answer waits, for somebody points at the rows of before. */
export function waits(place) {
    const id = LISTS[place],
        rests = performance.now() - pointedAt > RESTS_MS;
    // What waits for its first answer has no rows yet.
    const pointed = Boolean(id && !rests && $(`#${id} tbody:hover`) && !$(`#${id} .sk`));
    if (pointed) waiting.add(place);
    return pointed;
}

/** Look where somebody points; `drawn(place)` is told when its rows need wait no longer. */
export function follow(drawn) {
    for (const id of new Set(Object.values(LISTS))) {
        const box = $('#' + id);
        box.addEventListener('pointermove', () => {
            pointedAt = performance.now();
        });
        box.addEventListener('pointerleave', () => {
            for (const place of [...waiting].filter((each) => LISTS[each] === id)) {
                waiting.delete(place);
                drawn(place);
            }
        });
    }
}
