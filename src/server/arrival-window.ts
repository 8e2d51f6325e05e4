import {
  markAnswerMs,
  markIntervalBytesMax,
  marksInFlight,
  sentInFlightBytesMin,
} from "../limits.ts";
import { PatientTimer } from "../protocol/patient-timer.ts";
import { SendWindow } from "../protocol/send-window.ts";

/**
 * Bounds what is on its way to a client by what has arrived there. The kernel tells of its own
 * buffers only; those of a tunnel or a proxy hold megabytes, which on a slow line are many seconds
 * that nothing overtakes.
 *
 * Where no marks are answered there is no bound.
 */
export class ArrivalWindow {
  /** Whether more may be sent than what is small. If not, it is told when it may again. */
  isOpen = true;
  /** How much may be written at once. */
  batchBytes = markIntervalBytesMax;
  /**
   * Bytes behind which a mark is due. The first one comes with the first message: it is known then
   * whether they are answered when a flood begins.
   */
  markBytes = 0;
  /**
   * Whether marks should come at all. Where there is no room one is under way, and many of them
   * would be too many pongs for a client.
   */
  wantsMarks = true;
  readonly #window = new SendWindow(sentInFlightBytesMin);
  readonly #onRoom: () => void;
  /** Whether marks are answered. */
  #isHeeded = false;
  #arrivedMark = 0;
  /** Runs while the window is not open. */
  #patience: PatientTimer | undefined;

  /** `onRoom` is called when there is room after there was none. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** Gives the mark behind what was sent since the last one. */
  mark(bytes: number): number {
    const mark = this.#window.send(bytes, performance.now());
    this.#adapt();
    return mark;
  }

  /** The client has come to this mark, or once more to it. */
  arrive(mark: number): void {
    if (mark === this.#arrivedMark) return;
    this.#arrivedMark = mark;
    this.#isHeeded = true;
    this.#window.arrive(mark, performance.now());
    this.#beImpatient();
    this.#adapt();
  }

  #adapt(): void {
    const wasOpen = this.isOpen;
    this.isOpen = !this.#isHeeded || this.#window.hasRoom();
    this.wantsMarks = this.#isHeeded && this.isOpen;
    const bytes = this.#isHeeded ? this.#window.inFlightCharsMax / marksInFlight : Infinity;
    this.batchBytes = Math.floor(Math.min(bytes, markIntervalBytesMax));
    this.markBytes = this.#window.isEmptied ? 0 : this.batchBytes;
    if (!this.isOpen)
      this.#patience ??= new PatientTimer(markAnswerMs, () => this.#giveUp()).unref();
    else if (!wasOpen) this.#onRoom();
  }

  #giveUp(): void {
    this.#isHeeded = false;
    this.#beImpatient();
    this.#adapt();
  }

  #beImpatient(): void {
    this.#patience?.stop();
    this.#patience = undefined;
  }
}
