/* A camera and a v4l2loopback device for an OBS on a machine that has neither: loaded with LD_PRELOAD.
 *
 * /dev/video0   capture: plays a file of raw frames (YUYV, NV12) or of concatenated JPEGs (MJPG) over and over.
 * /dev/video10  output: the frames that OBS's virtual camera writes are appended to a file.
 *
 * Environment: SHIM_CAMERA (file), SHIM_WIDTH, SHIM_HEIGHT, SHIM_RATE, SHIM_FORMAT (fourcc), SHIM_OUTPUT (file).
 * Without SHIM_CAMERA or SHIM_OUTPUT that device does not exist.
 *
 * OBS's camera source reaches its device through libv4l2 (v4l2_open, v4l2_ioctl, ...), its virtual camera and
 * Python through libc (open, ioctl, ...); both ways are served. A camera's descriptor is a timerfd, so that
 * select() wakes OBS at the camera's rate.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CAMERA "/dev/video0"
#define OUTPUT "/dev/video10"
#define MODULES "v4l2loopback 49152 0 - Live 0x0000000000000000 (OE)\n"
#define BUFFERS 8
#define DESCRIPTORS 1024
#define BUFFER_STRIDE 0x1000000 /* distance of the made-up mmap offsets */

#define REAL(result, name, ...)                    \
	static result (*real)(__VA_ARGS__) = NULL; \
	if (!real)                                 \
		real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static const char *camera_path, *output_path;
static unsigned width = 640, height = 480, rate = 30, format = V4L2_PIX_FMT_YUYV;

static char is_camera[DESCRIPTORS];
static int output_descriptor = -1;

static uint8_t *footage;
static size_t frame_bytes, frame_count, *frame_offset, *frame_length;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *buffers[BUFFERS];
static unsigned buffer_count, queue[BUFFERS], queue_first, queue_length;
static uint64_t ticks;

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *fourcc = getenv("SHIM_FORMAT");
	camera_path = getenv("SHIM_CAMERA");
	output_path = getenv("SHIM_OUTPUT");
	width = number_from("SHIM_WIDTH", width);
	height = number_from("SHIM_HEIGHT", height);
	rate = number_from("SHIM_RATE", rate);
	if (fourcc && strlen(fourcc) == 4)
		format = v4l2_fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]);
}

/* ---- the camera -------------------------------------------------------------------------------------- */

static void add_frame(size_t offset)
{
	if (frame_count)
		frame_length[frame_count - 1] = offset - frame_offset[frame_count - 1];
	frame_offset = realloc(frame_offset, (frame_count + 1) * sizeof *frame_offset);
	frame_length = realloc(frame_length, (frame_count + 1) * sizeof *frame_length);
	frame_offset[frame_count] = offset;
	frame_length[frame_count] = 0;
	frame_count++;
}

/* Maps the footage and finds where each frame begins; 0 when there is at least one. */
static int load_footage(void)
{
	REAL(int, open, const char *, int, ...);
	struct stat status;
	int file;
	if (footage)
		return 0;
	file = real(camera_path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) < 0 || !status.st_size)
		return -1;
	footage = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	close(file);
	if (footage == MAP_FAILED) {
		footage = NULL;
		return -1;
	}
	frame_bytes = (size_t)width * height * (format == V4L2_PIX_FMT_NV12 ? 3 : 4) / 2;
	if (format == V4L2_PIX_FMT_MJPEG) {
		for (off_t i = 0; i + 2 < status.st_size; i++)
			if (footage[i] == 0xff && footage[i + 1] == 0xd8 && footage[i + 2] == 0xff)
				add_frame(i);
	} else {
		for (off_t i = 0; i + (off_t)frame_bytes <= status.st_size; i += frame_bytes)
			add_frame(i);
	}
	if (!frame_count)
		return -1;
	frame_length[frame_count - 1] =
		format == V4L2_PIX_FMT_MJPEG ? (size_t)status.st_size - frame_offset[frame_count - 1] : frame_bytes;
	return 0;
}

static int open_camera(void)
{
	int descriptor;
	if (load_footage() < 0) {
		errno = ENODEV;
		return -1;
	}
	descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (descriptor >= DESCRIPTORS) {
		close(descriptor);
		errno = EMFILE;
		return -1;
	}
	if (descriptor >= 0)
		is_camera[descriptor] = 1;
	return descriptor;
}

static int camera_at(int descriptor)
{
	return descriptor >= 0 && descriptor < DESCRIPTORS && is_camera[descriptor];
}

static void set_timer(int descriptor, long nanoseconds)
{
	struct itimerspec period = {{0, nanoseconds}, {0, nanoseconds}};
	timerfd_settime(descriptor, 0, &period, NULL);
}

static int dequeue(int descriptor, struct v4l2_buffer *buffer)
{
	uint64_t expirations;
	struct timespec now;
	unsigned index;
	size_t frame;
	if (read(descriptor, &expirations, sizeof expirations) != sizeof expirations) {
		errno = EAGAIN;
		return -1;
	}
	ticks += expirations; /* frames that nobody fetched in time are lost, as with a real camera */
	pthread_mutex_lock(&lock);
	if (!queue_length) {
		pthread_mutex_unlock(&lock);
		errno = EAGAIN;
		return -1;
	}
	index = queue[queue_first];
	queue_first = (queue_first + 1) % BUFFERS;
	queue_length--;
	pthread_mutex_unlock(&lock);
	frame = ticks % frame_count;
	memcpy(buffers[index], footage + frame_offset[frame], frame_length[frame]);
	clock_gettime(CLOCK_MONOTONIC, &now);
	buffer->index = index;
	buffer->bytesused = frame_length[frame];
	buffer->length = frame_bytes;
	buffer->sequence = ticks;
	buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	buffer->timestamp.tv_sec = now.tv_sec;
	buffer->timestamp.tv_usec = now.tv_nsec / 1000;
	return 0;
}

static void describe_picture(struct v4l2_pix_format *picture)
{
	memset(picture, 0, sizeof *picture);
	picture->width = width;
	picture->height = height;
	picture->pixelformat = format;
	picture->field = V4L2_FIELD_NONE;
	picture->bytesperline = format == V4L2_PIX_FMT_YUYV ? width * 2 : format == V4L2_PIX_FMT_NV12 ? width : 0;
	picture->sizeimage = frame_bytes;
	picture->colorspace = V4L2_COLORSPACE_SRGB;
}

static int refuse(void)
{
	errno = EINVAL;
	return -1;
}

static int camera_ioctl(int descriptor, unsigned long request, void *argument)
{
	switch (request) {
	case VIDIOC_QUERYCAP: {
		struct v4l2_capability *answer = argument;
		memset(answer, 0, sizeof *answer);
		strcpy((char *)answer->driver, "uvcvideo");
		strcpy((char *)answer->card, "Shim camera");
		strcpy((char *)answer->bus_info, "usb-shim-1");
		answer->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
		answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
		return 0;
	}
	case VIDIOC_ENUMINPUT: {
		struct v4l2_input *answer = argument;
		if (answer->index)
			return refuse();
		memset(answer, 0, sizeof *answer);
		strcpy((char *)answer->name, "Camera 1");
		answer->type = V4L2_INPUT_TYPE_CAMERA;
		return 0;
	}
	case VIDIOC_G_INPUT:
		*(int *)argument = 0;
		return 0;
	case VIDIOC_S_INPUT:
		return *(int *)argument ? refuse() : 0;
	case VIDIOC_ENUM_FMT: {
		struct v4l2_fmtdesc *answer = argument;
		if (answer->index || answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
			return refuse();
		answer->flags = 0;
		answer->pixelformat = format;
		strcpy((char *)answer->description, "Shim format");
		return 0;
	}
	case VIDIOC_ENUM_FRAMESIZES: {
		struct v4l2_frmsizeenum *answer = argument;
		if (answer->index || answer->pixel_format != format)
			return refuse();
		answer->type = V4L2_FRMSIZE_TYPE_DISCRETE;
		answer->discrete.width = width;
		answer->discrete.height = height;
		return 0;
	}
	case VIDIOC_ENUM_FRAMEINTERVALS: {
		struct v4l2_frmivalenum *answer = argument;
		if (answer->index)
			return refuse();
		answer->type = V4L2_FRMIVAL_TYPE_DISCRETE;
		answer->discrete.numerator = 1;
		answer->discrete.denominator = rate;
		return 0;
	}
	case VIDIOC_G_FMT:
	case VIDIOC_S_FMT:
	case VIDIOC_TRY_FMT: {
		struct v4l2_format *answer = argument;
		if (answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
			return refuse();
		describe_picture(&answer->fmt.pix);
		return 0;
	}
	case VIDIOC_G_PARM:
	case VIDIOC_S_PARM: {
		struct v4l2_streamparm *answer = argument;
		if (answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
			return refuse();
		answer->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
		answer->parm.capture.timeperframe.numerator = 1;
		answer->parm.capture.timeperframe.denominator = rate;
		return 0;
	}
	case VIDIOC_REQBUFS: {
		struct v4l2_requestbuffers *answer = argument;
		if (answer->count > BUFFERS)
			answer->count = BUFFERS;
		for (unsigned i = 0; i < answer->count; i++)
			if (!buffers[i])
				buffers[i] = calloc(1, frame_bytes);
		buffer_count = answer->count;
		queue_first = queue_length = 0;
		return 0;
	}
	case VIDIOC_QUERYBUF: {
		struct v4l2_buffer *answer = argument;
		if (answer->index >= buffer_count)
			return refuse();
		answer->length = frame_bytes;
		answer->m.offset = answer->index * BUFFER_STRIDE;
		return 0;
	}
	case VIDIOC_QBUF: {
		const struct v4l2_buffer *buffer = argument;
		if (buffer->index >= buffer_count || queue_length == BUFFERS)
			return refuse();
		pthread_mutex_lock(&lock);
		queue[(queue_first + queue_length++) % BUFFERS] = buffer->index;
		pthread_mutex_unlock(&lock);
		return 0;
	}
	case VIDIOC_DQBUF:
		return dequeue(descriptor, argument);
	case VIDIOC_STREAMON:
		set_timer(descriptor, 1000000000L / rate);
		return 0;
	case VIDIOC_STREAMOFF:
		set_timer(descriptor, 0);
		queue_first = queue_length = 0;
		return 0;
	default:
		return refuse();
	}
}

/* ---- the output of the virtual camera ---------------------------------------------------------------- */

static int output_ioctl(unsigned long request, void *argument)
{
	switch (request) {
	case VIDIOC_QUERYCAP: {
		struct v4l2_capability *answer = argument;
		memset(answer, 0, sizeof *answer);
		strcpy((char *)answer->driver, "v4l2 loopback");
		strcpy((char *)answer->card, "OBS Virtual Camera");
		strcpy((char *)answer->bus_info, "platform:v4l2loopback-010");
		answer->device_caps = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_READWRITE | V4L2_CAP_STREAMING;
		answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
		return 0;
	}
	case VIDIOC_G_FMT:
	case VIDIOC_S_FMT: {
		const struct v4l2_format *asked = argument;
		return asked->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? 0 : refuse();
	}
	case VIDIOC_G_PARM:
	case VIDIOC_S_PARM:
	case VIDIOC_STREAMON:
	case VIDIOC_STREAMOFF:
		return 0;
	default:
		return refuse();
	}
}

/* ---- libv4l2 ----------------------------------------------------------------------------------------- */

int v4l2_open(const char *path, int flags, ...)
{
	REAL(int, v4l2_open, const char *, int, ...);
	if (camera_path && !strcmp(path, CAMERA))
		return open_camera();
	return real(path, flags);
}

int v4l2_close(int descriptor)
{
	REAL(int, v4l2_close, int);
	return camera_at(descriptor) ? close(descriptor) : real(descriptor);
}

int v4l2_ioctl(int descriptor, unsigned long request, ...)
{
	REAL(int, v4l2_ioctl, int, unsigned long, ...);
	va_list arguments;
	void *argument;
	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	request &= 0xffffffff; /* OBS passes it as a signed int */
	return camera_at(descriptor) ? camera_ioctl(descriptor, request, argument) : real(descriptor, request, argument);
}

void *v4l2_mmap(void *start, size_t length, int protection, int flags, int descriptor, int64_t offset)
{
	REAL(void *, v4l2_mmap, void *, size_t, int, int, int, int64_t);
	if (camera_at(descriptor))
		return buffers[offset / BUFFER_STRIDE];
	return real(start, length, protection, flags, descriptor, offset);
}

int v4l2_munmap(void *start, size_t length)
{
	REAL(int, v4l2_munmap, void *, size_t);
	for (unsigned i = 0; i < BUFFERS; i++)
		if (start == buffers[i])
			return 0;
	return real(start, length);
}

/* ---- libc -------------------------------------------------------------------------------------------- */

static int open_any(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
	if (camera_path && !strcmp(path, CAMERA))
		return open_camera();
	if (output_path && !strcmp(path, OUTPUT)) {
		output_descriptor = real(output_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		return output_descriptor;
	}
	if (output_path && !strcmp(path, "/proc/modules")) {
		int file = memfd_create("modules", MFD_CLOEXEC);
		if (write(file, MODULES, strlen(MODULES)) < 0 || lseek(file, 0, SEEK_SET) < 0)
			return -1;
		return file;
	}
	return real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	REAL(int, open, const char *, int, ...);
	va_list arguments;
	mode_t mode;
	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return open_any(real, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, open64, const char *, int, ...);
	va_list arguments;
	mode_t mode;
	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return open_any(real, path, flags, mode);
}

int close(int descriptor)
{
	REAL(int, close, int);
	if (camera_at(descriptor))
		is_camera[descriptor] = 0;
	if (descriptor >= 0 && descriptor == output_descriptor)
		output_descriptor = -1;
	return real(descriptor);
}

int ioctl(int descriptor, unsigned long request, ...)
{
	REAL(int, ioctl, int, unsigned long, ...);
	va_list arguments;
	void *argument;
	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (camera_at(descriptor))
		return camera_ioctl(descriptor, request & 0xffffffff, argument);
	if (descriptor >= 0 && descriptor == output_descriptor)
		return output_ioctl(request & 0xffffffff, argument);
	return real(descriptor, request, argument);
}

FILE *fopen(const char *path, const char *mode)
{
	REAL(FILE *, fopen, const char *, const char *);
	if (output_path && !strcmp(path, "/proc/modules"))
		return fmemopen((void *)MODULES, strlen(MODULES), "r");
	return real(path, mode);
}

int access(const char *path, int mode)
{
	REAL(int, access, const char *, int);
	if ((camera_path && !strcmp(path, CAMERA)) || (output_path && !strcmp(path, OUTPUT)))
		return 0;
	return real(path, mode);
}

/* How OBS's virtual camera looks for its device. */
int scandir(const char *folder, struct dirent ***entries, int (*filter)(const struct dirent *),
	    int (*compare)(const struct dirent **, const struct dirent **))
{
	REAL(int, scandir, const char *, struct dirent ***, int (*)(const struct dirent *),
	     int (*)(const struct dirent **, const struct dirent **));
	if (!output_path || strcmp(folder, "/dev"))
		return real(folder, entries, filter, compare);
	*entries = malloc(sizeof **entries);
	(*entries)[0] = calloc(1, sizeof ***entries);
	strcpy((*entries)[0]->d_name, strrchr(OUTPUT, '/') + 1);
	(*entries)[0]->d_type = DT_CHR;
	return 1;
}

/* How OBS's camera source and Python look for cameras: a folder stream with one entry. */
static char camera_folder;
static int camera_listed;
static struct dirent camera_entry = {.d_type = DT_LNK, .d_name = "video0"};

DIR *opendir(const char *name)
{
	REAL(DIR *, opendir, const char *);
	if (!camera_path || strcmp(name, "/sys/class/video4linux"))
		return real(name);
	camera_listed = 0;
	return (DIR *)&camera_folder;
}

struct dirent *readdir(DIR *folder)
{
	REAL(struct dirent *, readdir, DIR *);
	if (folder != (DIR *)&camera_folder)
		return real(folder);
	return camera_listed++ ? NULL : &camera_entry;
}

struct dirent64 *readdir64(DIR *folder)
{
	REAL(struct dirent64 *, readdir64, DIR *);
	if (folder != (DIR *)&camera_folder)
		return real(folder);
	return camera_listed++ ? NULL : (struct dirent64 *)&camera_entry; /* the same layout on 64-bit systems */
}

int closedir(DIR *folder)
{
	REAL(int, closedir, DIR *);
	return folder == (DIR *)&camera_folder ? 0 : real(folder);
}
