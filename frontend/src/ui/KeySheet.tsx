import { t } from "../strings";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Kbd } from "./Kbd";

export function KeySheet({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog title={t.keyboard.title} isOpen={isOpen} onClose={onClose}>
      <h2 className="mb-4 font-serif text-lg font-medium">{t.keyboard.title}</h2>
      <dl className="grid grid-cols-[96px_1fr] gap-y-2.5 text-sm">
        {t.keyboard.list.map((entry) => (
          <div key={entry.does} className="contents">
            <dt className="flex gap-1">
              {entry.keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd className="text-soft">{entry.does}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-6 flex justify-end">
        <Button onClick={onClose}>{t.nav.close}</Button>
      </div>
    </Dialog>
  );
}
