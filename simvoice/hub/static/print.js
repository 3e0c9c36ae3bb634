/* Show the button that prints, where a script runs. */

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => print());
