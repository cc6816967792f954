/* Keys: single letters, off while somebody types, and for good if they are not wanted. */

import { $, h } from './dom.js';
import { view } from './state.js';

const STORED = 'tailrace-keys';
const HELP = [
    [
        'Look',
        [
            ['/', 'Filter'],
            ['t', 'Next range'],
            ['p', 'Pause, resume'],
            ['r', 'Ask now'],
            ['d', 'Theme'],
            ['Esc', 'Back out'],
        ],
    ],
    [
        'Move',
        [
            ['1', 'Ranking'],
            ['2', 'Traffic'],
            ['3', 'Talkers'],
            ['4', 'Rejected ports'],
            ['5', 'Pipeline'],
            ['j k', 'Down, up in a list'],
        ],
    ],
    [
        'Panel',
        [
            ['v', 'Table or chart'],
            ['s', 'Show SQL'],
            ['c', 'Save CSV'],
            ['x', 'Window before on, off'],
        ],
    ],
    [
        'Page',
        [
            ['u', 'UTC or local time'],
            ['a', 'Hide addresses'],
            ['?', 'This list'],
        ],
    ],
];

/** Listen; `acts` by key, `back` for Esc. */
export function keys(acts, back) {
    $('#keys').append(
        ...HELP.map(([title, list]) =>
            h(
                'div',
                {},
                h('h3', { text: title }),
                list.map(([name, what]) =>
                    h(
                        'p',
                        {},
                        h('span', { text: what }),
                        h(
                            'span',
                            {},
                            name.split(' ').map((each) => h('kbd', { text: each })),
                        ),
                    ),
                ),
            ),
        ),
    );
    view.keys = stored() !== 'off';
    $('#keys-on').checked = view.keys;
    $('#keys-on').onchange = (event) => {
        view.keys = event.target.checked;
        try {
            localStorage.setItem(STORED, view.keys ? 'on' : 'off');
        } catch {
            /* a private window */
        }
    };
    addEventListener('keydown', (event) => {
        if ($('dialog[open]')) return;
        const types = event.target.matches?.('input[type=search], textarea');
        if (event.key === 'Escape') return back(event.target, types);
        if (types || event.ctrlKey || event.metaKey || event.altKey || !view.keys) return;
        const act = acts[event.key];
        if (act) {
            event.preventDefault();
            act();
        }
    });
}

function stored() {
    try {
        return localStorage.getItem(STORED);
    } catch {
        return null;
    }
}

/** The next or the one before in the list that has the focus. */
export function step(by) {
    const within = document.activeElement?.closest?.('.panel') || $('#ranking');
    const list = [...within.querySelectorAll('button.key')],
        at = list.indexOf(document.activeElement);
    list[Math.max(0, Math.min(at + by, list.length - 1))]?.focus();
}
