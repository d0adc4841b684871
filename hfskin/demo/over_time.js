// Two of the pictures that a visitor kept (kept.js), side by side.
const {load, store} = window.kept;
const place = element.querySelector('.over-time'), words = JSON.parse(place.dataset.words);
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const make = (tag, values = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), values);
  made.append(...inside);
  return made;
};

const change = (id, values) => {
  store(load().map(one => one.id === id ? {...one, ...values} : one));
  compare(); // the list stays as it is: the keyboard stands in it
};
const choose = (id, chosen) => {
  const others = load().filter(one => one.chosen && one.id !== id);
  if (chosen && others.length > 1) { // there are two sides
    change(others[0].id, {chosen: false});
    place.querySelector(`[data-id="${others[0].id}"] [type=checkbox]`).checked = false;
  }
  change(id, {chosen});
};
const remove = goes => {
  store(load().filter(one => !goes(one)));
  show();
  place.focus();
};

const number = one => fill(words.number, one);
const row = one => {
  const label = (caption, values) => make('label', {}, make('span', {textContent: caption}), make('input', values));
  const made = make('li', {},
    make('img', {src: one.picture, alt: ''}),
    make('div', {},
      make('p', {className: 'number', textContent: number(one)}),
      label(words.date, {
        type: 'date', value: one.date, onchange: ({target}) => target.value && change(one.id, {date: target.value}),
      }),
      label(words.name, {
        type: 'text', value: one.name, maxLength: 60, onchange: ({target}) => change(one.id, {name: target.value}),
      }),
      label(words.compare, {
        type: 'checkbox', checked: Boolean(one.chosen), onchange: ({target}) => choose(one.id, target.checked),
      }),
      make('button', {type: 'button', textContent: words.remove, onclick: () => remove(({id}) => id === one.id)})));
  made.dataset.id = one.id;
  return made;
};

// The change in words, beside how much the number differs between pictures of a lesion that did not change.
const told = (first, second) => {
  if (first.checkpoint !== second.checkpoint) return [words.other_checkpoint, words.doctor];
  const days = Math.round((new Date(second.date) - new Date(first.date)) / 86400000), {spread} = second;
  const [from, to] = [first, second].map(one => Number(one.number.replace(/\D/g, ''))); // as they are shown
  const points = to - from;
  const values = {first: first.number, second: second.number, days, change: points > 0 ? `+${points}` : points};
  const change = [words.change_on_a_day, words.change_in_a_day][days] ?? words.change;
  const said = [points ? fill(change, values) : words.same];
  if (first.patient !== second.patient) said.push(words.other_patient);
  if (spread) {
    const most = Math.ceil(100 * spread.difference.nine_in_ten.value);
    said.push(fill(Math.abs(points) > most ? words.beyond : words.within, {spread: most}), fill(words.measured, spread));
  } else said.push(words.unmeasured);
  return [...said, words.doctor];
};

const side = one => make('figure', {},
  make('img', {src: one.picture, alt: ''}),
  make('figcaption', {}, make('strong', {textContent: [one.name, one.date].filter(Boolean).join(', ')}),
    make('span', {textContent: number(one)}), make('span', {textContent: one.patient})));
const sorted = () => load().sort((a, b) => a.date < b.date ? -1 : a.date > b.date ? 1 : a.id - b.id);
const compare = () => {
  const kept = sorted(), chosen = kept.filter(one => one.chosen);
  const parts = chosen.length === 2
    ? [make('div', {className: 'sides'}, ...chosen.map(side)), ...told(...chosen).map(words => make('p', {}, words))]
    : [make('p', {className: 'note'}, [words.empty, words.one][kept.length] ?? words.choose)];
  place.querySelector('.pair').replaceChildren(...parts);
};

const show = () => {
  const kept = sorted();
  const all = make('button', {type: 'button', textContent: words.remove_all, onclick: () => remove(() => true)});
  place.replaceChildren(make('p', {textContent: words.intro}), make('div', {className: 'pair', ariaLive: 'polite'}));
  if (kept.length) place.append(make('ul', {}, ...kept.map(row)), all);
  compare();
};

addEventListener('kept', show);
addEventListener('storage', show); // another tab of the browser
show();
