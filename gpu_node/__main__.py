"""`python -m gpu_node COMMAND …`: one door to what a node can do. Each command is imported only when asked for."""

import sys

USAGE = """usage: python -m gpu_node COMMAND [options]

  serve     answer questions over HTTP
  train     train a model from a recipe
  evaluate  measure a checkpoint
  import    bring in a model that somebody else trained
  plan      the memory that a training or a served model needs
  quantize  write a checkpoint in INT8 or INT4, and measure it
  data      look at data sets, and mix them into files for training
  generate  make training rows through a model's API

python -m gpu_node COMMAND --help says more."""


def main(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    match command:
        case "serve":
            from gpu_node.server.serve_command import serve_command

            return serve_command(rest)
        case "train":
            from gpu_node.training.command import train_command

            return train_command(rest)
        case "evaluate":
            from gpu_node.evaluation.command import evaluate_command

            return evaluate_command(rest)
        case "import":
            from gpu_node.training.import_command import import_command

            return import_command(rest)
        case "plan":
            from gpu_node.training.plan_command import plan_command

            return plan_command(rest)
        case "quantize":
            from gpu_node.training.quantize_job import quantize_command

            return quantize_command(rest)
        case "data":
            from gpu_node.data.mixing.command import data_command

            return data_command(rest)
        case "generate":
            from gpu_node.data.generation.command import generate_command

            return generate_command(rest)
        case "-h" | "--help" | "help":
            print(USAGE)
            return 0
        case _:
            print(f"unknown command {command!r}\n\n{USAGE}" if command else USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
