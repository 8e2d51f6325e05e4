import { WebSocket } from "ws";

/**
 * A WebSocket that lets what waits go out before the frame that closes it: whoever closes, this
 * server, the other end or the library because of a frame that is not allowed, it passes here.
 */
export class OrderlySocket extends WebSocket {
  #beforeClose = () => {};

  /** Calls the listener when the closing begins, while something can still be sent. */
  onClosing(listener: () => void): void {
    this.#beforeClose = listener;
  }

  override close(code?: number, reason?: string | Buffer): void {
    try {
      if (this.readyState === this.OPEN) this.#beforeClose();
    } finally {
      super.close(code, reason);
    }
  }
}
