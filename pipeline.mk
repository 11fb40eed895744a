# What the workflows run, step by step; each also works on a laptop. Results are in out/, which git ignores.
export BASE ?= main
export BUILDER ?= urn:teacherspec:builder:local
export TAG ?= $(shell git describe --exact-match --match 'teacher@v*' 2>/dev/null)

# Plugins of DVC for the remotes that .dvc/config names by their addresses.
REMOTES := $(shell sed -n 's,^ *url = \(s3\|gs\|azure\|ssh\)://.*,\1,p' .dvc/config .dvc/config.local 2>/dev/null | sort -u)

.venv/remote-%: requirements/remotes/%.txt .venv/pipeline
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r $<
	@touch $@

setup: .venv/pipeline $(REMOTES:%=.venv/remote-%)

check-pipeline: setup
	python -m teacherspec check
	python -m teacherspec verify-lock

# The report of a pull request: HEAD against BASE.
review: setup
	python -m teacherspec diff "$$BASE" HEAD --folder out/review

summary:
	cat out/review/diff.md >> "$${GITHUB_STEP_SUMMARY:-/dev/stdout}"

comment: setup
	python -m teacherspec comment out/review/diff.md

comment-merge-request: setup
	python -m teacherspec comment --service gitlab out/review/diff.md

# Private access to the DVC remote, given as the content of a .dvc/config.local.
remote:
	@if [ -n "$$DVC_CONFIG_LOCAL" ]; then umask 077; printf '%s\n' "$$DVC_CONFIG_LOCAL" > .dvc/config.local; fi

# Build what is not built yet; with a DVC remote, take from it what others built.
build: setup
	@if [ -n "$$(dvc remote list)" ]; then python -m teacherspec repro --pull --allow-missing; else python -m teacherspec repro; fi

push: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc push --run-cache; else echo "no DVC remote: nothing pushed"; fi

# What a build changed in git, to be applied on the branch of the pull request: git apply results.patch
results:
	@mkdir -p out
	git add --intent-to-add --all
	git diff --binary HEAD > out/results.patch

# The teacher of TAG, which must be checked out: from the remote, or built again and compared.
obtain: setup
	@if [ -n "$$(dvc remote list)" ]; then dvc pull; else python -m teacherspec rebuild-release "$$TAG" && dvc checkout; fi

verify: setup
	python -m teacherspec verify-artifacts
	python -m teacherspec verify-package artifacts/teacher

release-files: setup
	python -m teacherspec pack-release "$$TAG" out/release
	python -m teacherspec write-attestation artifacts/teacher --out out/release/attestation --builder "$$BUILDER"
