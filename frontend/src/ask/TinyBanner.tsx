import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { modelsQuery } from "../api/queries";
import { countShort } from "../format/numbers";
import { t } from "../strings";

const TINY_PARAMETERS_MAX = 100_000_000; // below it a model shows the machinery, not the quality

/** Says, where questions are asked, that the model that answers is a tiny one. */
export function TinyBanner() {
  const { data: models } = useQuery(modelsQuery);
  const reasoner = models?.find((model) => model.role === "reasoner");
  if (!reasoner || reasoner.num_parameters > TINY_PARAMETERS_MAX) return null;
  return (
    <p className="text-sm text-soft">
      {t.tiny.banner(reasoner.id, countShort(reasoner.num_parameters))}{" "}
      <Link to="/models" className="underline decoration-line-strong underline-offset-4 hover:text-ink">
        {t.tiny.more}
      </Link>
      .
    </p>
  );
}
