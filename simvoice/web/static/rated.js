/* After rating: play the evidence of the machine's judgement. */

import { wirePlayer } from "./player.js";

wirePlayer();
