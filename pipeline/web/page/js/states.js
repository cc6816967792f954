/* What a panel says when it has no rows: why, and the command that helps. */

import { h } from './dom.js';
import { copy } from './dialogs.js';
import { openPrices, PAYMENT } from './paid.js';
import { known } from './store.js';

/** A state: a head, a sentence, commands to copy, a button. */
export function nothing(title, text, commands = [], { kind = '', act = null } = {}) {
    return h(
        'div',
        { class: 'state ' + kind },
        h('h3', { text: title }),
        h('p', { text }),
        commands.length ? h('ul', {}, commands.map(commandLine)) : null,
        act,
    );
}

const commandLine = (command) =>
    h(
        'li',
        { class: 'cmdline' },
        h('code', { text: command }),
        h('button', {
            class: 'btn',
            type: 'button',
            text: 'Copy',
            'aria-label': 'Copy: ' + command,
            onclick: (event) => copy(command, event.currentTarget),
        }),
    );

/** A panel whose query failed, while the others live. */
export function queryFailed(failure) {
    if (failure.status === PAYMENT) return notAsked();
    const again = h('button', {
        class: 'btn',
        type: 'button',
        text: 'Run it again',
        onclick: () => dispatchEvent(new Event('tailrace-ask')),
    });
    const text = [failure.what, failure.where].filter(Boolean).join(', ');
    const request = failure.request ? ` Request ${failure.request}.` : '';
    return nothing('This query failed', `${text}. The other panels are not affected.${request}`, [], {
        kind: 'err',
        act: again,
    });
}

/** What is not asked on schedule, and costs something. */
function notAsked() {
    const price = h('button', {
        class: 'btn',
        type: 'button',
        text: 'What would it cost?',
        'aria-haspopup': 'dialog',
        onclick: openPrices,
    });
    const text = 'Athena bills each question, so it is not asked by itself.';
    return nothing('Not asked', text, [], { act: price });
}

/** Whether logs and views can be sent to this server. */
export const takesIn = () => Boolean(known.health?.intake);

/** What brings the first rows; a server alone writes to its home, so that they are sent to it.
 * By its own name curl is a program, and no viewer.
 */
export const commandsOf = () =>
    !takesIn()
        ? [flowsCommand()]
        : [
              `curl -A Mozilla -d '{"path":"/hello"}' ${location.origin}/v1/views`,
              flowsCommand(),
              'tailrace demo',
          ];

/** What brings flows; into a stack they are led, and the doctor says whether they are. */
export const flowsCommand = () =>
    known.health?.stage
        ? `tailrace doctor --stage ${known.health.stage}`
        : !takesIn()
          ? 'tailrace ingest vpc-flow flows.log.gz'
          : `curl --data-binary @flows.log.gz ${location.origin}/v1/logs/vpc-flow`;
