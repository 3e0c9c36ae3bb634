/* After rating: listen to what the machine's judgement stands on. */

import { wirePlayer } from "./player.js";

wirePlayer();
