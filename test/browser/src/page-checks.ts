// Owns looking at a page as somebody does who has no mouse, hears it read, or sees little: what can be reached by keys and
// shows that it is, what has a name, how text stands out. It tests nothing itself.
import type { Page } from 'playwright-core';

/** What does something, as far as it is in sight and may be used. */
const HELPERS = `
  const inUse = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.type !== 'hidden' && !one.classList.contains('skip'));
  const nameOf = (one) => one.getAttribute('aria-label')
    || [...(one.labels ?? [])].map((label) => label.textContent).join(' ')
    || one.textContent || one.getAttribute('title') || '';
  const say = (one) => one.outerHTML.slice(0, 120);
`;

/** Elements that do or show something, and that nobody who hears the page read knows what for. */
export const nameless = (page: Page): Promise<string[]> =>
  page.evaluate<string[]>(`(() => {
    ${HELPERS}
    const pictures = [...document.querySelectorAll('svg[role=img], canvas, img, meter, section, nav, table.scroller')];
    return [...inUse(), ...pictures].filter((one) => one.parentElement.closest('[role=img][aria-label]') === null).filter((one) => nameOf(one).trim() === '').map(say);
  })()`);

/** What is in use and was not reached by as many tabs as there are, or does not show when it is. */
export async function unreached(page: Page): Promise<string[]> {
  await page.evaluate(`(() => {
    ${HELPERS}
    window.seen = new Set();
    window.unmarked = [];
    window.waiting = () => inUse().filter((one) => !window.seen.has(one));
    document.addEventListener('focusin', ({ target }) => {
      window.seen.add(target);
      const { outlineStyle, outlineWidth } = getComputedStyle(target);
      if (outlineStyle === 'none' || parseFloat(outlineWidth) < 1) window.unmarked.push('no mark: ' + say(target));
    });
    window.sayOf = say;
  })()`);
  const most = 2 * (await page.evaluate<number>('waiting().length')) + 20;
  for (let tabs = 0; tabs < most; tabs += 1) {
    await page.keyboard.press('Tab');
    if (tabs % 10 === 9 && (await page.evaluate<number>('waiting().length')) === 0) break;
  }
  return page.evaluate<string[]>('[...waiting().map(sayOf), ...unmarked]');
}

/** Texts that stand out less than people need who see little (WCAG 2.2, 1.4.3): 4.5 to 1, large ones 3 to 1. */
export const faintTexts = (page: Page): Promise<string[]> =>
  page.evaluate<string[]>(`(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((one, at) => one * a + below[at] * (1 - a));
    const light = (colour) => colour
      .map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
      .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
    const ancestors = (one) => (one === null ? [] : [...ancestors(one.parentElement), one]);
    const white = rgba(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const one = node.parentElement;
      if (node.textContent.trim() === '' || one.closest('[aria-hidden=true], :disabled, noscript, svg, .skip') !== null) continue;
      if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const style = getComputedStyle(one);
      const chain = ancestors(one).map((each) => getComputedStyle(each));
      const ground = chain.reduce((below, each) => over(rgba(each.backgroundColor), below), white);
      const opacity = chain.reduce((product, each) => product * Number(each.opacity), 1);
      const [r, g, b, a] = rgba(style.color);
      const ink = over([r, g, b, a * opacity], ground);
      const [dark, bright] = [light(ink), light(ground)].sort((x, y) => x - y);
      const ratio = (bright + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (isLarge ? 3 : 4.5)) faint.push(ratio.toFixed(2) + ' ' + node.textContent.trim().slice(0, 40) + ' in ' + one.outerHTML.slice(0, 80));
    }
    return faint;
  })()`);
