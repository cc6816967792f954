/* What a panel says when it has no rows: why, and the command that helps. */

import { h } from './dom.js';
import { copy } from './dialogs.js';

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
    const again = h('button', {
        class: 'btn',
        type: 'button',
        text: 'Run it again',
        onclick: () => dispatchEvent(new Event('tailrace-ask')),
    });
    const text = [failure.what, failure.where].filter(Boolean).join(', ');
    return nothing('This query failed', `${text}. The other panels are not affected.`, [], {
        kind: 'err',
        act: again,
    });
}

/** What brings the first rows; a server alone writes to its home, so that they are sent to it. */
export const commandsOf = () => [
    `curl -d '{"path":"/hello"}' ${location.origin}/v1/views`,
    flowsCommand(),
    'tailrace demo',
];

export const flowsCommand = () =>
    `curl --data-binary @flows.log.gz ${location.origin}/v1/logs/vpc-flow`;
