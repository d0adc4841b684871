// Shows the report that the server made, apart from the page's own style, and prints it or saves it as a picture.
const WIDTH = 736; // CSS pixels of the sheet in a picture, whatever the screen
const SHARPNESS = 2; // pixels of the picture for each of them

const show = () => {
  const section = element.querySelector('.report'), paper = section?.querySelector('.paper');
  if (!paper || paper.shadowRoot) return;
  paper.attachShadow({mode: 'open'}).append(section.querySelector('template').content.cloneNode(true));
  section.focus();
  section.scrollIntoView();
};

// The browser draws the sheet as part of an SVG, which it can draw on a canvas: nothing leaves the page.
const save = async paper => {
  paper.style.width = `${WIDTH}px`;
  const height = Math.ceil(paper.getBoundingClientRect().height);
  paper.style.width = '';
  const sheet = document.createElement('div');
  sheet.append(...[...paper.shadowRoot.querySelectorAll('style, .sheet')].map(part => part.cloneNode(true)));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}">
    <foreignObject width="100%" height="100%">${new XMLSerializer().serializeToString(sheet)}</foreignObject></svg>`;
  const drawn = new Image();
  drawn.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await drawn.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [SHARPNESS * WIDTH, SHARPNESS * height];
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  const link = document.createElement('a');
  link.download = `${paper.dataset.name}.png`;
  link.href = canvas.toDataURL('image/png');
  link.click();
};

watch('value', show);
element.addEventListener('click', ({target}) => {
  const paper = element.querySelector('.paper');
  switch (target.closest('button')?.dataset.do) {
    case 'print': print(); break;
    case 'picture': save(paper); break;
    case 'close': props.value = ''; document.getElementById('save-report').focus();
  }
});
