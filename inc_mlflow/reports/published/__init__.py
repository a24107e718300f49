"""What Intel published of validated models: the tables as they stood, and whether their figures add up."""
