import { WebSocket } from "ws";

/**
 * A WebSocket that sends its waiting messages before the closing frame. `close` is called in every
 * case: by this server, or by the library when the client closes or sends an invalid frame.
 */
export class OrderlySocket extends WebSocket {
  /**
   * The code of the closing frame that this end sent, first or in answer; undefined without one.
   */
  closeCode: number | undefined;
  #beforeClose = () => {};

  /** Sets the listener that is called when closing begins, while messages can still be sent. */
  onClosing(listener: () => void): void {
    this.#beforeClose = listener;
  }

  /** Takes a message past the library; false while closing, when the library has to read it. */
  hear(message: Buffer): boolean {
    if (this.readyState !== this.OPEN) return false;
    this.emit("message", message, false);
    return true;
  }

  override close(code?: number, reason?: string | Buffer): void {
    try {
      if (this.readyState === this.OPEN) {
        this.closeCode = code;
        this.#beforeClose();
      }
    } finally {
      super.close(code, reason);
    }
  }
}
