import { WebSocket } from "ws";

/**
 * A WebSocket that lets what waits go out before the frame that closes it: whoever closes, this
 * server, the other end or the library because of a frame that is not allowed, it passes here.
 */
export class OrderlySocket extends WebSocket {
  #beforeClose = () => {};
  #closeCode: number | undefined;

  /** With which code this end closed it, as the first or in answer; undefined without one. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** Calls the listener when the closing begins, while something can still be sent. */
  onClosing(listener: () => void): void {
    this.#beforeClose = listener;
  }

  /** Takes a message that the library has not read; false when it is closing, and has to know. */
  hear(message: Buffer): boolean {
    if (this.readyState !== this.OPEN) return false;
    this.emit("message", message, false);
    return true;
  }

  override close(code?: number, reason?: string | Buffer): void {
    try {
      if (this.readyState === this.OPEN) {
        this.#closeCode = code;
        this.#beforeClose();
      }
    } finally {
      super.close(code, reason);
    }
  }
}
