// What a visitor keeps of answers: in this browser alone. The tab that shows it is made when it is first opened.
const STORE = 'hfskin-kept', LONGEST = 480; // pixels of a kept picture
const said = element.querySelector('[role=status]');

const load = () => {
  try { return JSON.parse(localStorage.getItem(STORE)) ?? []; } catch { return []; }
};
const store = kept => {
  try { localStorage.setItem(STORE, JSON.stringify(kept)); return true; } catch { return false; }
};
const small = picture => {
  const scale = Math.min(1, LONGEST / Math.max(picture.naturalWidth, picture.naturalHeight));
  const canvas = Object.assign(document.createElement('canvas'), {
    width: Math.round(scale * picture.naturalWidth), height: Math.round(scale * picture.naturalHeight),
  });
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', 0.85);
};

const keep = () => {
  const figure = document.querySelector('#figure'), picture = small(figure.querySelector('.layers img'));
  const now = new Date(), today = new Date(now - 60000 * now.getTimezoneOffset()).toISOString().slice(0, 10); // here
  const kept = load(), again = kept.find(one => one.picture === picture);
  const others = kept.filter(one => one !== again), before = others.findLast(one => one.chosen) ?? others.at(-1);
  const facts = JSON.parse(figure.querySelector('.facts').value);
  const one = {id: Number(now), date: today, name: '', ...again, ...facts, picture, chosen: true};
  const done = store([...others.map(other => ({...other, chosen: other === before})), one]);
  said.textContent = done ? said.dataset.kept : said.dataset.full;
  dispatchEvent(new Event('kept'));
};

window.kept = {load, store};
said.addEventListener('keep', keep);
