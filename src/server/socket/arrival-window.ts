import { PatientTimer } from "../../async/patient-timer.ts";
import {
  markAnswerMs,
  markIntervalBytesMax,
  marksInFlight,
  sentInFlightBytesMin,
} from "../../limits.ts";
import { SendWindow } from "../../protocol/send-window.ts";

/**
 * Bounds the bytes in flight to a client by what has arrived there, which the client confirms by
 * answering marks (numbered pings). The kernel knows its own buffers only; those of a tunnel or a
 * proxy hold megabytes, which on a slow line take many seconds that no message can overtake.
 *
 * While a client answers no marks there is no bound.
 */
export class ArrivalWindow {
  /** Whether large messages may be sent. `onRoom` is called when they may again. */
  isOpen = true;
  /** Bytes that may be written at once. */
  batchBytes = markIntervalBytesMax;
  /**
   * Bytes after which the next mark is due. The first mark goes out with the first message, so that
   * it is known whether the client answers marks before a flood begins.
   */
  markBytes = 0;
  /**
   * Whether marks should be sent. While the window is closed one is under way already, and more of
   * them would ask too many pongs of the client.
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

  /** Returns the mark to send behind `bytes` that were sent since the last one. */
  mark(bytes: number): number {
    const mark = this.#window.send(bytes, performance.now());
    this.#adapt();
    return mark;
  }

  /** To be called when the client answers a mark. It may answer one several times. */
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
