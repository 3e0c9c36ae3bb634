/*
 * Remembers a press that comes before the modules of the page are loaded, which takes seconds on a
 * slow computer, so that a single press always works. station.js does it as soon as it can.
 */
(() => {
  const OURS = "[data-act], [data-retry-turn], [name=go], #leave, #hand-in, #code-go, #corner";
  let pressed = null;
  const note = (event) => {
    pressed = event.target.closest(OURS) ?? pressed;
  };
  const stay = (event) => event.preventDefault(); // a form alone would load the page again
  document.addEventListener("click", note, true);
  document.addEventListener("submit", stay, true);
  window.takeEarlyPress = () => {
    document.removeEventListener("click", note, true);
    document.removeEventListener("submit", stay, true);
    return pressed?.isConnected ? pressed : null;
  };
})();
