/* The program: finds the command and runs it. */
#include <stdio.h>

int main(void)
{
	puts("holdfast " HF_VERSION);
	return 0;
}
