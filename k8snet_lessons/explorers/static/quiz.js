export default {
  render({ model, el }) {
    const view = new QuizView(model, el);
    const show = hideReading(el);
    return () => {
      view.stop();
      show();
    };
  },
};
