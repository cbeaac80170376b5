"""crossner-hf export: a saved tagger as an ONNX model."""

from collections.abc import Sequence
from pathlib import Path

from crossner_hf.cli.options import CommandParser, add_data_options, add_trust_remote_code, domain_help, quiet
from crossner_hf.display import say

RECORD_OF_EXPORT = "export.json"
EPILOG = """examples:
  crossner-hf export runs/music --onnx --output music-onnx
  crossner-hf export runs/music --onnx --int8 --output music-int8 --domain music    # what the 8 bits cost
  crossner-hf predict --model music-int8 articles.txt

Needs the extra: pip install 'crossner-hf[onnx]'. The folder loads as any tagger, with onnxruntime installed."""


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf export",
        description="Write a saved tagger as an ONNX model; in 8 bits it tags faster on CPUs. All commands take it.",
        epilog=EPILOG,
    )
    parser.add_argument("run", metavar="RUN", help="folder or Hub id of a linear tagger, or of a CRF over an encoder")
    parser.add_argument("--onnx", action="store_true", required=True, help="the format; there is no other yet")
    parser.add_argument("--int8", action="store_true", help="weights of 8 bits: a quarter of the size, faster")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="a new folder")
    text = f"tag its test split before and after, and write {RECORD_OF_EXPORT} into the folder: {domain_help()}"
    parser.add_argument("--domain", help=text)
    add_data_options(parser)
    add_trust_remote_code(parser)
    args = parser.parse_args(argv)

    quiet()
    from crossner_hf.finetuning.onnx_export import compare_export, export_onnx
    from crossner_hf.models.onnx_tagger import ONNX_FILE
    from crossner_hf.results.record_files import write_record
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.tagger import Tagger

    domain = get_domain(args.domain) if args.domain else None
    tagger = Tagger.from_pretrained(args.run, device="cpu", trust_remote_code=args.trust_remote_code)
    folder = export_onnx(tagger, args.output, int8=args.int8)
    megabytes = (folder / ONNX_FILE).stat().st_size / 1e6
    say(f"{folder}: {ONNX_FILE} has {megabytes:.1f} MB")
    if domain is not None:
        verify = not args.no_verify
        record = compare_export(tagger, folder, domain, data_dir=args.data_dir, verify=verify)
        write_record(Path(folder, RECORD_OF_EXPORT), record)
        before, after = (100 * f1 for f1 in record.f1())
        say(
            f"{domain.name}/test: F1 {before:.2f} before, {after:.2f} after; "
            f"{record.differing_sentences} of {record.sentences} sentences have other labels"
        )
    return 0
