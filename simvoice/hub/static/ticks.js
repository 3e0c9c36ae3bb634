/* A clock in a worker: browsers slow the timers of a page that is not shown, and a waiting learner
 * who looks at another page would lose the place. */

const EVERY_MS = 3000;
setInterval(() => postMessage("tick"), EVERY_MS);
