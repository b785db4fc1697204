export default pageOf(QuizView);
