"""An observer that keeps what a run reports, and calls functions with it."""

from contextlib import nullcontext

from pipeline.observer import Observer, Progress


class Watching(Observer):
    """Keeps notes in `lines`, titles of flags with the number of videos in `flags`, progress in `bars`, and questions.

    It gives `answer` to each question, and calls the `on_…` functions with what the run reports. `stop` ends the work.
    """

    def __init__(
        self,
        *,
        stop=None,
        answer=False,
        on_plan=None,
        on_frames=None,
        on_result=None,
    ):
        super().__init__(stop)
        self.lines = []
        self.flags = []
        self.bars = []
        self.questions = []
        self._answer = answer
        self._hooks = {"plan": on_plan, "inside": on_frames, "finish": on_result}

    def note(self, text):
        self.lines.append(text)

    def flagged(self, flagged, videos):
        self.flags.append(([flag.title for flags in flagged.values() for flag in flags], videos))

    def confirm(self, question):
        self.questions.append(question)
        return self._answer

    def progress(self, what):
        progress = Progress(what)
        for name, hook in self._hooks.items():
            if hook is not None:
                setattr(progress, name, hook)
        self.bars.append(progress)
        return nullcontext(progress)
