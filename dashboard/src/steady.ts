/** A view that is drawn again only when one of its properties is another: one row of thousands. */
import { Component } from 'preact';

export abstract class Steady<Props extends object> extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }
}
